package function;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.google.gson.JsonParser;
import java.util.Set;
import java.util.TreeSet;

/** Takes its secrets from environment variables and answers with their lengths in bytes, never with a value. */
public class Environment implements RequestHandler<Object, Environment.Answer> {
    public record Answer(int sessionKey, int password, int apiKey, Set<String> flags) {}

    @Override
    public Answer handleRequest(Object event, Context context) {
        // larder-exec has set these before Java started. They stay as they are for as long as the process lives.
        return new Answer(
                bytes("SESSION_KEY"),
                bytes("DB_PASSWORD"),
                bytes("API_KEY"),
                new TreeSet<>(JsonParser.parseString(System.getenv("FLAGS")).getAsJsonObject().keySet()));
    }

    private static int bytes(String variable) {
        return System.getenv(variable).getBytes(UTF_8).length;
    }
}
