using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>Keeps the list of what is wrong: one alert when a cause comes up or grows worse, one when it is over, and none in between.</summary>
internal static class KeepProblems
{
    private const string Subject = "recovery";

    /// <summary>Brings the list to what is wrong now.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="prefix">Whose causes these are: <c>disk:</c>; null for all that have no such prefix.</param>
    /// <param name="now">What is wrong.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task SetAsync(UnitOfWork unit, string? prefix, IReadOnlyList<RecoveryProblem> now, CancellationToken cancellationToken)
    {
        var standing = await StandingAsync(unit, prefix, cancellationToken);
        foreach (var problem in now)
        {
            var before = standing.GetValueOrDefault(problem.Cause);
            if (before is null || before.Value.Severity < problem.Severity)
            {
                unit.Record("alert.raised", (Subject, problem.Cause), new { problem.Severity, Source = Subject, problem.Cause, problem.Title, problem.Detail, problem.Remedy });
            }

            await unit.ExecuteAsync(
                """
                insert into recovery_problems as p (cause, severity, title, detail, remedy) values (@cause, @severity, @title, @detail, @remedy)
                on conflict (cause) do update set severity = excluded.severity, title = excluded.title, detail = excluded.detail, remedy = excluded.remedy
                where (p.severity, p.title, p.detail) is distinct from (excluded.severity, excluded.title, excluded.detail)
                """,
                cancellationToken, ("cause", problem.Cause), ("severity", problem.Severity.Wire()), ("title", problem.Title), ("detail", problem.Detail), ("remedy", problem.Remedy));
        }

        foreach (var (cause, was) in standing.Where(s => now.All(p => p.Cause != s.Key)))
        {
            await unit.ExecuteAsync("delete from recovery_problems where cause = @cause", cancellationToken, ("cause", cause));
            unit.Record("alert.cleared", (Subject, cause), new { Cause = cause, Source = Subject, was!.Value.Title, was.Value.Since });
        }
    }

    private static async Task<Dictionary<string, (AlertSeverity Severity, string Title, DateTimeOffset Since)?>> StandingAsync(UnitOfWork unit, string? prefix, CancellationToken cancellationToken)
    {
        // Two hosts at a time only ever for the moment in which one takes over from the other.
        await using var command = unit.Command(
            "select cause, severity, title, since from recovery_problems where case when @prefix = '' then cause not like '%:%' else starts_with(cause, @prefix) end for update",
            ("prefix", prefix ?? ""));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var standing = new Dictionary<string, (AlertSeverity, string, DateTimeOffset)?>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            standing[reader.GetString(0)] = (WireNames<AlertSeverity>.Parse(reader.GetString(1)), reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3));
        }

        return standing;
    }
}
