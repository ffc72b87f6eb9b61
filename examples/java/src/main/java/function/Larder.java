package function;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;

/** Reads from Larder. */
final class Larder {
    private static final Map<String, String> ENV = System.getenv();
    private static final String PORT = ENV.getOrDefault("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2773");
    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private Larder() {}

    /** Returns the bytes that Larder serves at path. */
    static byte[] read(String path) {
        // With SnapStart, Lambda gives a function the second one.
        String token = ENV.getOrDefault("AWS_SESSION_TOKEN", ENV.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://localhost:" + PORT + path))
                .header("X-Aws-Parameters-Secrets-Token", token)
                .timeout(Duration.ofSeconds(10)) // what Lambda gives to init; Larder answers well before
                .build();
        try {
            var answer = CLIENT.send(request, BodyHandlers.ofByteArray());
            if (answer.statusCode() != 200) {
                String line = new String(answer.body(), UTF_8).lines().findFirst().orElse("");
                throw new IllegalStateException("GET " + path + ": " + answer.statusCode() + " " + line);
            }
            return answer.body();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
