using System.Text.Json;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>One attempt of a job, as the job sees it.</summary>
public sealed class JobRun
{
    /// <summary>No run keeps more lines of log.</summary>
    public const int MostLines = 2_000;

    private const int LongestLine = 2_000;
    private const int LongestWords = 300;

    private readonly NpgsqlDataSource _database;

    internal JobRun(NpgsqlDataSource database, ClaimedRun claimed)
    {
        (_database, Claimed) = (database, claimed);
        IsDry = IsDryBy(claimed.Payload);
    }

    /// <summary>Its id.</summary>
    public Guid RunId => Claimed.Id;

    /// <summary>The first attempt's id: what all attempts have in common.</summary>
    public Guid RootId => Claimed.RootId;

    /// <summary>The time that it is run for, which may be long ago.</summary>
    public DateTimeOffset Slot => Claimed.Slot;

    /// <summary>From 1 on.</summary>
    public int Attempt => Claimed.Attempt;

    /// <summary>The lease's number: greater than that of every earlier run of this job.</summary>
    public long FencingToken => Claimed.Token;

    /// <summary>What was given along; null for nothing.</summary>
    public JsonElement? Payload => Claimed.Payload;

    /// <summary>Whether it is only to say what it would do.</summary>
    public bool IsDry { get; }

    internal ClaimedRun Claimed { get; }

    /// <summary>Writes a line that is kept with the run. Past <see cref="MostLines"/> lines are only counted.</summary>
    public async Task LogAsync(string text, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(
            """
            with r as (
                update job_runs set lines = lines + 1 where id = @run and state = 'running' and fencing_token = @token returning lines
            )
            insert into job_run_lines (run_id, number, text) select @run, lines, @text from r where lines <= @most
            """);
        Identify(command);
        command.Parameters.AddWithValue("text", Storable(text, LongestLine));
        command.Parameters.AddWithValue("most", MostLines);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Says how far it is.</summary>
    /// <param name="percent">0 to 100.</param>
    /// <param name="words">What it is doing; of the last progress what it came to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task ProgressAsync(int percent, string words, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(
            "update job_runs set progress = @percent, progress_words = @words where id = @run and state = 'running' and fencing_token = @token");
        Identify(command);
        command.Parameters.AddWithValue("percent", (short)Math.Clamp(percent, 0, 100));
        command.Parameters.AddWithValue("words", Storable(words, LongestWords));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Proves, in the transaction of an effect, that this attempt still has the job. Whoever takes over waits for that transaction, and
    /// whoever comes after a takeover is refused.
    /// </summary>
    /// <exception cref="ConflictException"><c>lease_lost</c>: another has it, or its time is over.</exception>
    public async Task RequireAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select 1 from job_leases
            where job = @job and run_id = @run and fencing_token = @token and expires_at > clock_timestamp() for share
            """,
            ("job", Claimed.Job), ("run", RunId), ("token", FencingToken));
        if (await command.ExecuteScalarAsync(cancellationToken) is null)
        {
            throw new ConflictException(ProblemTypes.LeaseLost, $"Run {RunId} no longer has the job '{Claimed.Job}' (fencing token {FencingToken}): another host has taken over, or its time is over.");
        }
    }

    /// <summary>The same, and notes that an effect is had: true the first time that any attempt asks, false when it was done before.</summary>
    /// <param name="unit">The transaction of the effect.</param>
    /// <param name="key">Which effect of this run.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ConflictException"><c>lease_lost</c>.</exception>
    public async Task<bool> OnceAsync(UnitOfWork unit, string key, CancellationToken cancellationToken)
    {
        await RequireAsync(unit, cancellationToken);
        return await unit.ExecuteAsync(
            "insert into job_effects (root_id, key) values (@root, @key) on conflict do nothing", cancellationToken, ("root", RootId), ("key", key)) == 1;
    }

    /// <summary>Whether a payload asks for a dry run.</summary>
    internal static bool IsDryBy(JsonElement? payload) =>
        payload is { ValueKind: JsonValueKind.Object } given && given.TryGetProperty(RunJobRequest.DryRunProperty, out var dry) && dry.ValueKind == JsonValueKind.True;

    private static string Storable(string text, int longest)
    {
        var clean = text.Replace("\0", "", StringComparison.Ordinal);
        return clean.Length > longest ? string.Concat(clean.AsSpan(0, longest - 1), "…") : clean;
    }

    private void Identify(NpgsqlCommand command)
    {
        command.Parameters.AddWithValue("run", RunId);
        command.Parameters.AddWithValue("token", FencingToken);
    }
}

/// <summary>A run that this host has begun.</summary>
internal sealed record ClaimedRun(Guid Id, Guid RootId, string Job, DateTimeOffset Slot, int Attempt, long Token, JsonElement? Payload);
