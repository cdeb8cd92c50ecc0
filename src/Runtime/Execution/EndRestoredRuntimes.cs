using System.Globalization;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Restored;

namespace ControlCenter.Runtime.Execution;

/// <summary>
/// In a restored database no runtime is under way: the processes of then have gone on, or are gone, and are no longer known by their tokens.
/// Each ends as one whose host is lost; its host ends what it still finds running, because no order names it.
/// </summary>
public sealed class EndRestoredRuntimes : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 10;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        var ended = 0;
        // One's end may end others of its tree: they are looked for anew until there is none.
        while (await HeldRuntime.FindAsync(unit, "true", cancellationToken) is [var runtime, ..])
        {
            await EndRuntime.WithinAsync(
                unit, runtime, new Ending(runtime.Phase == RuntimePhase.Requested ? RuntimeEnd.Cancelled : RuntimeEnd.Lost, lost.Why), cancellationToken);
            ended++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{ended} runtimes ended");
    }
}
