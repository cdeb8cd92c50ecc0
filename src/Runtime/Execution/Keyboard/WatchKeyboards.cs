using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Ends control of whoever gives no sign any more, and gives up what was not typed in time, by the database's clock.</summary>
public sealed class WatchKeyboards(NpgsqlDataSource database, Transactions transactions, TimeProvider time, ILogger<WatchKeyboards> logger)
    : SupervisedService("keyboard-watch", time, logger)
{
    private const string Over = "(c.expires_at <= clock_timestamp() or r.phase = 'ended')";
    private const string Late = "(i.requested_at <= clock_timestamp() - @given_up_after or r.phase = 'ended')";

    private static readonly TimeSpan GivenUpAfter = KeyboardRules.Patience + KeyboardRules.Echo;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var (ended, lost) = (0, 0);
            if (await AnyAsync(stoppingToken))
            {
                (ended, lost) = await transactions.RunAsync(
                    Caller.Host, async (unit, ct) => (
                        await EndedControls.WhereAsync(unit, Over, ct), await LostInputs.WhereAsync(unit, Late, ct, ("given_up_after", GivenUpAfter))), stoppingToken);
            }

            Beat(string.Create(CultureInfo.InvariantCulture, $"{ended} keyboards given back, {lost} inputs given up"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<bool> AnyAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            select exists (select from runtime_controls c join runtimes r on r.id = c.runtime_id where {Over})
                or exists (select from runtime_inputs i join runtimes r on r.id = i.runtime_id where i.state = 'waiting' and {Late})
            """);
        command.Parameters.AddWithValue("given_up_after", GivenUpAfter);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
