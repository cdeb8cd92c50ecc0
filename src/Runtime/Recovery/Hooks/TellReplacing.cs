using System.Text.Json;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Recovery.Hooks;

/// <summary>
/// Tells the founder's program that the running database is about to be replaced. At once and beside it: the log that would have it told
/// later goes with the database, and what is told of waits for nobody.
/// </summary>
public sealed partial class TellReplacing(RecoveryHook hook, TimeProvider time, ILogger<TellReplacing> logger)
{
    /// <summary>Begins to tell it; how that ends is logged.</summary>
    /// <param name="restore">Which restore takes the place.</param>
    /// <param name="to">Its moment.</param>
    /// <param name="by">Who has it done.</param>
    public void Begin(Guid restore, DateTimeOffset to, string by)
    {
        if (hook.Program is { } program)
        {
            var message = JsonSerializer.Serialize(new { At = time.GetUtcNow(), Kind = HookedEvents.Replacing, Subject = $"restore:{restore}", Data = new { RestoreId = restore, To = to, By = by } }, WireJson.Options);
            _ = TellAsync(program, message);
        }
    }

    private async Task TellAsync(string program, string message)
    {
        // The host ends meanwhile and starts again in the same process; the program's time is its own.
        var outcome = await HookProcess.RunAsync(program, HookedEvents.Replacing, message, hook.Patience, time, CancellationToken.None);
        if (outcome.Failure is { } failure)
        {
            LogFailed(logger, program, HookedEvents.Replacing, failure);
        }
    }

    [LoggerMessage(EventId = 1931, Level = LogLevel.Warning, Message = "The recovery hook {Program} could not be told of {Event}: {Failure}")]
    private static partial void LogFailed(ILogger logger, string program, string @event, string failure);
}
