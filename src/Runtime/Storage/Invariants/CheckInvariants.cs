using System.Globalization;
using Npgsql;

namespace ControlCenter.Runtime.Storage.Invariants;

/// <summary>Looks whether the database says what it must: after a restore, in a drill, and every week in the database that runs.</summary>
public static class CheckInvariants
{
    // Of what is wrong there can be a line for every row; the first ones say what it is about.
    private const int MostExamples = 3;

    /// <summary>All of them, by name.</summary>
    public static IReadOnlyList<Invariant> All { get; } =
        [.. LogInvariants.All.Concat(WorkInvariants.All).Concat(ExecutionInvariants.All).Concat(MoneyInvariants.All).OrderBy(i => i.Name, StringComparer.Ordinal)];

    /// <summary>Checks all of them in one snapshot, so that what is being written meanwhile is seen whole or not at all.</summary>
    /// <param name="connection">Open, and in no transaction.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>One verdict each, by name.</returns>
    /// <exception cref="PostgresException">A query cannot be run: the schema is not this program's.</exception>
    public static async Task<IReadOnlyList<InvariantVerdict>> ExecuteAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var snapshot = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        await using (var rules = new NpgsqlCommand("set transaction read only", connection))
        {
            await rules.ExecuteNonQueryAsync(cancellationToken);
        }

        var verdicts = new List<InvariantVerdict>(All.Count);
        foreach (var invariant in All)
        {
            verdicts.Add(await CheckAsync(connection, invariant, cancellationToken));
        }

        await snapshot.CommitAsync(cancellationToken);
        return verdicts;
    }

    private static async Task<InvariantVerdict> CheckAsync(NpgsqlConnection connection, Invariant invariant, CancellationToken cancellationToken)
    {
        // It reads whole tables, and waits for nobody: it takes as long as it takes, and ends when it is told to.
        await using var command = new NpgsqlCommand($"select v.what, count(*) over () from ({invariant.Violations}) v (what) limit {MostExamples}", connection)
        {
            CommandTimeout = 0,
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var examples = new List<string>(MostExamples);
        var all = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            examples.Add(reader.GetString(0));
            all = reader.GetInt64(1);
        }

        var detail = all == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{all} {(all == 1 ? "exception" : "exceptions")}: {string.Join("; ", examples)}{(all > examples.Count ? "; …" : "")}");
        return new InvariantVerdict(invariant.Name, invariant.Sentence, all == 0, detail);
    }
}
