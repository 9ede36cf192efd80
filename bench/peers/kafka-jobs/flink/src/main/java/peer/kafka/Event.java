package peer.kafka;

/** What a record says. One object is used for all records of a subtask: source, map and sink are one chain, and nothing keeps it. */
public final class Event {
    public long id;
    public String user;
    public String kind;
    public long amount;
    public long quantity;
    public String note;
    public long total;
    public boolean large;

    public Event() {}
}
