using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Decides <c>expired</c> where no human did in time: fail closed, on the record, never in silence (ES-07).</summary>
public sealed class ExpireEscalations(Transactions transactions, TimeProvider time, ILogger<ExpireEscalations> logger)
    : SupervisedService("escalation-expiry", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var expired = await transactions.RunAsync(Caller.Host, ExpireAsync, stoppingToken);
            Beat(expired == 0 ? "none is overdue" : string.Create(CultureInfo.InvariantCulture, $"{expired} expired"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<int> ExpireAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var overdue = new List<Guid>();
        await using (var command = unit.Command(
            "select id from escalations where state = 'waiting' and expires_at <= clock_timestamp() order by expires_at limit 100 for update skip locked"))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                overdue.Add(reader.GetGuid(0));
            }
        }

        foreach (var id in overdue)
        {
            var asked = await DecisionRecord.LockAsync(unit, id, cancellationToken);
            var answer = new DecideEscalationRequest(Verdict.Expired, "Nobody decided in time.");
            await DecisionRecord.WriteAsync(unit, asked, answer, Time, cancellationToken);
        }

        return overdue.Count;
    }
}
