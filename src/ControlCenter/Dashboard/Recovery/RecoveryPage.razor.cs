using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Drills;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>What can be restored, what was proven, and what is kept.</summary>
public sealed partial class RecoveryPage
{
    private const string SetUp =
        """
        openssl rand -hex 32 > ~/control-center.password && chmod 600 ~/control-center.password
        CC_BACKUP_REPOSITORY=/mnt/elsewhere/control-center CC_BACKUP_PASSWORD_FILE=~/control-center.password ./run
        """;

    private static readonly (string Word, string Value)[] Windows = [("All", ""), ("7 days", "7d"), ("24 h", "24h")];

    private readonly LiveList<BackupView> _backups = new(12);
    private BackupDraft _draft = new();
    private string _rootCause = "";
    private RecoveryState? _state;
    private RecoveryFigures? _figures;
    private RepositoryView? _repository;
    private Dictionary<Guid, IReadOnlyList<KeptAs>>? _reasons;
    private RecoverySentence? _sentence;
    private RecoveryMap? _map;
    private IReadOnlyList<StandingProblem> _standing = [];
    private DrillOverview? _drills;
    private (string What, string Run)? _asked;

    [SupplyParameterFromQuery]
    private string? Back { get; set; }

    [SupplyParameterFromQuery]
    private string? Do { get; set; }

    [SupplyParameterFromQuery]
    private Guid? Cause { get; set; }

    /// <summary>Shipments are no events, and what is not shipped grows old by itself.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(5);

    private TimeSpan? Window => Back switch { "7d" => TimeSpan.FromDays(7), "24h" => TimeSpan.FromDays(1), _ => null };

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.Kind.StartsWith("backup.", StringComparison.Ordinal);

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _figures = await Figures.ReadAsync(Closed);
        await _backups.RefreshAsync(page => Queries.ListAsync(page, Closed));
        _drills = await Drills.OverviewAsync(Closed);
        // What the repository says comes last: its storage may be far away, and is not asked twice by the two.
        _state = await Queries.StateAsync(Closed);
        _repository = await Repository.ReadAsync(Closed);
        _reasons = _repository?.Retained.ToDictionary(r => r.Snapshot.BackupId, r => r.Reasons);
        _standing = await Queries.ProblemsAsync(Closed);
        _sentence = RecoverySentence.Of(_state, _figures, _standing);
        _map = RecoveryMap.Of(_state, _repository?.Bases ?? [], Time.GetUtcNow(), Window);
    }

    private async Task TakeAsync()
    {
        string? asked = null;
        if (await DoAsync(async caller => asked = $"/jobs/{_draft.Job}/runs/{(await Run.ExecuteAsync(_draft.Job, _draft.ToRequest(), caller, null, Closed)).Value!.RunId}"))
        {
            (_asked, _draft) = (("A backup is being taken.", asked!), new BackupDraft());
            SetInAddress("do", null);
        }
    }

    private async Task DrillAsync(DrillScenario scenario)
    {
        string? asked = null;
        if (await DoAsync(async caller =>
        {
            var run = (await Hold.ExecuteAsync(new RequestDrillRequest(scenario), caller, null, Closed)).Value!;
            asked = $"/jobs/{run.Job}/runs/{run.RunId}";
        }))
        {
            _asked = ("A drill is being held.", asked!);
        }
    }

    private async Task ExplainAsync()
    {
        if (Cause is { } drill && await DoAsync(caller => Explain.ExecuteAsync(drill, new RecordRootCauseRequest(_rootCause), caller, null, Closed)))
        {
            _rootCause = "";
            SetInAddress("cause", null);
            await RefreshAsync();
        }
    }

    private async Task ReviewAsync(Guid backup)
    {
        if (await DoAsync(caller => Review.ExecuteAsync(backup, caller, null, Closed)))
        {
            await RefreshAsync();
        }
    }
}
