import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Apache Kafka's own client against a broker: java Main BOOTSTRAP RUN CLIENT SCENARIO... */
public final class Main {
    public static void main(String[] args) {
        Broker broker = new Broker(args[0], args[1], args[2]);
        Map<String, Harness.Scenario> scenarios = new LinkedHashMap<>();
        new RecordScenarios(broker, args[1]).addTo(scenarios);
        new GroupScenarios(broker).addTo(scenarios);
        new TransactionScenarios(broker).addTo(scenarios);
        new AdminScenarios(broker).addTo(scenarios);
        Harness.run(scenarios, Arrays.copyOfRange(args, 3, args.length));
        System.exit(0);
    }
}
