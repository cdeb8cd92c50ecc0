using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Transcripts;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Sessions;

/// <summary>One conversation: what was put out in it, by which processes, and how sure it is that going on loses nothing.</summary>
public sealed partial class SessionPage
{
    private SessionView? _session;
    private IReadOnlyList<RuntimeView> _runtimes = [];
    private TranscriptProof? _proof;
    private SessionCosts? _costs;
    private Guid? _chosen;

    /// <summary>Which session.</summary>
    [Parameter]
    public Guid Id { get; set; }

    // The newest, unless somebody looks at another.
    private RuntimeView? Shown => _runtimes.FirstOrDefault(r => r.RuntimeId == _chosen) ?? (_runtimes.Count > 0 ? _runtimes[^1] : null);

    private string ProofWords => _proof switch
    {
        { State: "intact" } p => $"As it was when it was closed: SHA-256 {p.Sha256![..16]}…",
        { State: "altered" } => "Its file was changed after it was closed.",
        { State: "missing" } => "Its file is not there any more.",
        { State: "removed" } p => $"It was removed for its age. It was SHA-256 {p.Sha256![..16]}….",
        { State: "open" } => "It is not closed yet.",
        _ => "",
    };

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectId == Id.ToString() || happened.Record.SubjectType == "runtime";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _session = await Queries.FindAsync(Id, Closed);
        _runtimes = _session is null ? []
            : [.. (await Runtimes.ListAsync(new RuntimeFilter(Session: Id), new PageRequest(PageRequest.MostItems), Closed)).Items.Reverse()];
        _proof = Shown is { } shown ? await Transcripts.ProveAsync(shown.RuntimeId, Closed) : null;
        _costs = _session is null ? null : await Costs.FindAsync(Id, Closed);
    }

    private async Task ShowAsync(RuntimeView runtime)
    {
        _chosen = runtime.RuntimeId;
        _proof = await Transcripts.ProveAsync(runtime.RuntimeId, Closed);
    }
}
