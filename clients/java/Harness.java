import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Runs scenarios in the order they are asked for, and prints one line of JSON for each. */
final class Harness {
    interface Scenario {
        void run() throws Throwable;
    }

    /** The client cannot do this. */
    static final class Skip extends RuntimeException {
        Skip(String why) {
            super(why);
        }
    }

    private Harness() {}

    static void run(Map<String, Scenario> scenarios, String[] names) {
        for (String name : names) {
            long begin = System.nanoTime();
            String outcome = "\"pass\"";
            try {
                Scenario scenario = scenarios.get(name);
                if (scenario == null) throw new Skip("the program has no such scenario");
                scenario.run();
            } catch (Skip why) {
                outcome = "\"skipped\",\"reason\":" + quoted(why.getMessage());
            } catch (Throwable error) {
                error.printStackTrace();
                outcome = "\"fail\",\"reason\":" + quoted(error.toString());
            }
            long ms = (System.nanoTime() - begin) / 1_000_000;
            System.out.println("{\"scenario\":" + quoted(name) + ",\"result\":" + outcome + ",\"ms\":" + ms + "}");
        }
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.substring(0, Math.min(600, text.length())).toCharArray()) {
            if (c == '"' || c == '\\') json.append('\\').append(c);
            else if (c < 32 || c > 126) json.append(String.format("\\u%04x", (int) c));
            else json.append(c);
        }
        return json.append('"').toString();
    }

    static void expect(Object actual, Object wanted, String what) {
        if (!Objects.equals(actual, wanted)) throw new AssertionError(what + ": " + actual + " instead of " + wanted);
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void until(Condition condition, String what) throws Exception {
        long end = System.nanoTime() + 40_000_000_000L;
        while (!holds(condition)) {
            if (System.nanoTime() > end) throw new AssertionError("waited too long for " + what);
            Thread.sleep(50);
        }
    }

    /** A broker may not have heard yet of what another part of it has just done. */
    private static boolean holds(Condition condition) throws Exception {
        try {
            return condition.holds();
        } catch (ExecutionException error) {
            if (error.getCause() instanceof UnknownTopicOrPartitionException) return false;
            throw error;
        }
    }

    /** Runs what has to fail with an error of this kind, thrown or as the cause of what is thrown. */
    static void fails(Class<? extends Throwable> kind, Scenario what) {
        try {
            what.run();
        } catch (Throwable error) {
            for (Throwable cause = error; cause != null; cause = cause.getCause()) if (kind.isInstance(cause)) return;
            throw new AssertionError(error + " instead of " + kind.getSimpleName(), error);
        }
        throw new AssertionError("no " + kind.getSimpleName());
    }
}
