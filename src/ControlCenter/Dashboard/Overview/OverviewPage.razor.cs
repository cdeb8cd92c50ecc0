using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Health;

namespace ControlCenter.Dashboard.Overview;

/// <summary>One screen: how everything is, what waits, what just happened (blueprint 12.7).</summary>
public sealed partial class OverviewPage
{
    // Health is seen by probes, not by events: it is looked at in its own time.
    private static readonly TimeSpan HealthInterval = TimeSpan.FromSeconds(3);

    private OverviewReading? _shown;
    private RecentCosts _costs = new(null, "USD", 0, 0);
    private IReadOnlyList<ServiceHealth> _services = [];
    private HealthStatus _overall = HealthStatus.Unknown;
    private Recovery.RecoverySentence? _recovery;
    private ITimer? _timer;

    /// <inheritdoc />
    protected override void OnInitialized()
    {
        base.OnInitialized();
        _timer = Time.CreateTimer(_ => _ = InvokeAsync(() =>
        {
            LookAtHealth();
            StateHasChanged();
        }), null, HealthInterval, HealthInterval);
    }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => true;

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _costs = await CostReadings.LastDayAsync(Closed);
        _shown = await Readings.ReadAsync(Closed);
        LookAtHealth();
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        _timer?.Dispose();
        base.Dispose(disposing);
    }

    private void LookAtHealth() => (_services, _overall, _recovery) = (Health.Services(), Health.Overall(), Glance.Look());

    private async Task DecideAsync(EscalationView asked, Verdict verdict)
    {
        await DoAsync(caller => Decide.ExecuteAsync(
            asked.EscalationId, new DecideEscalationRequest(verdict, ActionHash: asked.ActionHash), caller, null, Closed));
        await ReadAsync();
    }
}
