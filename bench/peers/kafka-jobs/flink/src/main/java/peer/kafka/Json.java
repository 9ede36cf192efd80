package peer.kafka;

import com.fasterxml.jackson.core.*;
import java.io.IOException;
import java.io.ByteArrayOutputStream;

/** By Jackson's streaming API, without data binding. */
final class Json {
    private static final JsonFactory FACTORY = JsonFactory.builder()
        .disable(JsonFactory.Feature.INTERN_FIELD_NAMES).enable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES).build();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);

    void read(byte[] bytes, Event event) throws IOException {
        try (JsonParser parser = FACTORY.createParser(bytes)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) throw new IOException("no object");
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                parser.nextToken();
                switch (name) {
                    case "id" -> event.id = parser.getLongValue();
                    case "user" -> event.user = parser.getText();
                    case "kind" -> event.kind = parser.getText();
                    case "amount" -> event.amount = parser.getLongValue();
                    case "quantity" -> event.quantity = parser.getLongValue();
                    case "note" -> event.note = parser.getText();
                    default -> parser.skipChildren();
                }
            }
        }
    }

    byte[] write(Event event) throws IOException {
        out.reset();
        try (JsonGenerator generator = FACTORY.createGenerator(out, JsonEncoding.UTF8)) {
            generator.writeStartObject();
            generator.writeNumberField("id", event.id);
            generator.writeStringField("user", event.user);
            generator.writeStringField("kind", event.kind);
            generator.writeNumberField("total", event.total);
            generator.writeBooleanField("large", event.large);
            generator.writeStringField("note", event.note);
            generator.writeEndObject();
        }
        return out.toByteArray();
    }
}
