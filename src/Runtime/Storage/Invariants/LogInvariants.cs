namespace ControlCenter.Runtime.Storage.Invariants;

/// <summary>What holds of the event log, and of what may not be changed.</summary>
internal static class LogInvariants
{
    public static readonly Invariant[] All =
    [
        new(
            "event-places-are-unique", "No two events have one place in the log.",
            "select format('place %s is there twice', seq) from (select seq, lag(seq) over (order by seq) as before from events) e where seq = before"),
        new(
            "event-places-lie-ahead", "The next event comes after every event that there is.",
            """
            select format('the newest event is %s, and the next would be after %s', (select max(seq) from events), last_value)
            from events_seq where last_value < (select max(seq) from events)
            """),
        new(
            "readers-are-in-the-log", "No reader of the log is beyond its end.",
            "select format('%s is at %s, and the end is %s', reader, position, last_value) from log_positions, events_seq where position > last_value"),
        new(
            "records-are-append-only", "What may never be changed is guarded by its trigger.",
            """
            select format('%s has no guard in force', name)
            from unnest('{events,decisions,audit_entries,cost_events,cost_event_ids,budget_changes,invoices,invoice_lines,currency_rates}'::text[]) name
            where not exists (select from pg_trigger g where g.tgrelid = to_regclass(name) and g.tgname = name || '_append_only' and g.tgenabled in ('O', 'A'))
            """),
        new(
            "references-are-checked", "Every foreign key and every check is in force for all rows.",
            "select format('%s of %s', conname, conrelid::regclass) from pg_constraint where connamespace = 'public'::regnamespace and not convalidated"),
        new(
            "indexes-are-whole", "Every index is whole and in use.",
            "select format('%s of %s', indexrelid::regclass, indrelid::regclass) from pg_index where not (indisvalid and indisready and indislive)"),
    ];
}
