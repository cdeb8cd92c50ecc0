using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>
/// What runtimes wrote to their terminals. Their rows stay, with the number of lines, the size and the hash of what is gone; the files
/// are removed by whichever bus has them (<see cref="KeepTranscripts"/>).
/// </summary>
public sealed class OldTranscripts : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "transcripts";

    /// <inheritdoc />
    public override string Title => "Output of runtimes";

    /// <inheritdoc />
    public override string Description => "What agents wrote to their terminals, counted from the runtime's end. That of a session which is under way, or uncertain, stays; so does every hash.";

    /// <inheritdoc />
    public override int? DefaultDays => 90;

    /// <inheritdoc />
    public override int LeastDays => 7;

    /// <inheritdoc />
    protected override string Table => "runtimes";

    /// <inheritdoc />
    protected override string IsThere => "t.transcript_sha256 is not null and t.transcript_removed_at is null";

    /// <inheritdoc />
    protected override string Moment => "t.ended_at";

    // When it was observed can be long after it began to write: of a bus that was away, or of a slot that was given twice.
    /// <inheritdoc />
    protected override string Began => "t.requested_at";

    // A session that is uncertain is decided about by a person, who reads what it said last.
    /// <inheritdoc />
    protected override string IsOld =>
        $"""
        {IsThere} and t.ended_at < clock_timestamp() - make_interval(days => @days)
        and not exists (select from sessions s where s.id = t.session_id and s.state in ('active', 'uncertain'))
        """;

    /// <inheritdoc />
    public override Task<int> RemoveAsync(UnitOfWork unit, int days, int most, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            $"""
            update runtimes set transcript_removed_at = clock_timestamp()
            where ctid = any(array(select t.ctid from runtimes t where {Goes} limit @most for update skip locked))
            """,
            cancellationToken, ("days", days), ("most", most));
}
