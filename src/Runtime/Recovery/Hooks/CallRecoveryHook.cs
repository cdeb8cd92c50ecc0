using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Hooks;

/// <summary>Tells the founder's program what was put aside for it, one event after the other. What a host was telling when it died is told again by the next.</summary>
public sealed partial class CallRecoveryHook(
    NpgsqlDataSource database, Transactions transactions, RecoveryHook hook, TimeProvider time, ILogger<CallRecoveryHook> logger)
    : SupervisedService("recovery-hook", time, logger), IActsOutside
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => hook.Patience * 2;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        await using var turn = await OneHost.WaitForTurnAsync(connection, OneHost.CallsHook, Time, () => Beat("another host tells it"), stoppingToken);
        using var timer = new PeriodicTimer(LookEvery, Time);
        do
        {
            var told = 0;
            while (await NextAsync(connection, stoppingToken) is { } call)
            {
                var outcome = await HookProcess.RunAsync(hook.Program!, call.Kind, call.Message, hook.Patience, Time, stoppingToken);
                await EndAsync(call, outcome, stoppingToken);
                // Each: several that take all of their time are no silence.
                Beat(string.Create(CultureInfo.InvariantCulture, $"{++told} told"));
            }

            if (told == 0)
            {
                Beat("waits");
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static async Task<Call?> NextAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            update recovery_hook_calls set began_at = clock_timestamp()
            where event_seq = (
                select event_seq from recovery_hook_calls where ended_at is null and queued_at > clock_timestamp() - @within order by event_seq limit 1)
            returning event_seq, kind, message
            """,
            connection);
        command.Parameters.AddWithValue("within", QueueHookCalls.ToldWithin);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new Call(reader.GetInt64(0), reader.GetString(1), reader.GetString(2)) : null;
    }

    private async Task EndAsync(Call call, HookOutcome outcome, CancellationToken cancellationToken)
    {
        if (outcome.Failure is { } failure)
        {
            LogFailed(Logger, hook.Program!, call.Kind, failure);
        }

        var seconds = Math.Round((decimal)outcome.Took.TotalSeconds, 3);
        await transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await unit.ExecuteAsync(
                "update recovery_hook_calls set ended_at = clock_timestamp(), seconds = @seconds, failure = @failure where event_seq = @seq", ct,
                ("seq", call.Seq), ("seconds", seconds), ("failure", outcome.Failure));
            if (outcome.Failure is not null)
            {
                unit.Record(HookedEvents.Failed, ("event", call.Seq.ToString(CultureInfo.InvariantCulture)), new { Event = call.Kind, call.Seq, Problem = outcome.Failure, Seconds = seconds });
            }

            return true;
        }, cancellationToken);
    }

    [LoggerMessage(EventId = 1930, Level = LogLevel.Warning, Message = "The recovery hook {Program} could not be told of {Event}: {Failure}")]
    private static partial void LogFailed(ILogger logger, string program, string @event, string failure);

    private sealed record Call(long Seq, string Kind, string Message);
}
