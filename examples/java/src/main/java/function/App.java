package function;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.Set;
import java.util.TreeSet;

/** Reads its secrets from Larder and answers with their lengths in bytes, never with a value. */
public class App implements RequestHandler<Object, App.Answer> {
    public record Answer(int sessionKey, int password, int apiKey, int cert, Set<String> flags) {}

    // Read before the first event, as with AWS's own layer. Larder has been fetching it since before Java started.
    private final String sessionKey =
            readJson("/secretsmanager/get?secretId=demo/session-key").get("SecretString").getAsString();

    @Override
    public Answer handleRequest(Object event, Context context) {
        // Read on every call: these come from Larder's memory, and follow a rotation.
        byte[] password = Larder.read("/value?ref=secretsmanager://demo/db&field=password");
        JsonObject apiKey = readJson("/systemsmanager/parameters/get?name=/demo/api-key&withDecryption=true");
        byte[] cert = Larder.read("/value?ref=secretsmanager://demo/cert");
        JsonObject flags = readJson("/value?ref=ssm:///demo/flags/*");
        return new Answer(
                sessionKey.getBytes(UTF_8).length,
                password.length,
                apiKey.getAsJsonObject("Parameter").get("Value").getAsString().getBytes(UTF_8).length,
                cert.length,
                new TreeSet<>(flags.keySet()));
    }

    private static JsonObject readJson(String path) {
        return JsonParser.parseString(new String(Larder.read(path), UTF_8)).getAsJsonObject();
    }
}
