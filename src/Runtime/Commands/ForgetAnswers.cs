using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Commands;

/// <summary>Forgets answers to repeated requests once their day is over.</summary>
public sealed class ForgetAnswers(NpgsqlDataSource database, TimeProvider time, ILogger<ForgetAnswers> logger)
    : SupervisedService("answer-upkeep", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Interval * 2;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            await using var command = database.CreateCommand("delete from idempotency_keys where created_at <= clock_timestamp() - @kept");
            command.Parameters.AddWithValue("kept", StoredAnswer.KeptFor);
            Beat($"{await command.ExecuteNonQueryAsync(stoppingToken)} old answers forgotten");
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
