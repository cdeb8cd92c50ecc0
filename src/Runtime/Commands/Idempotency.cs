using System.Security.Cryptography;
using System.Text.Json;
using ControlCenter.Domain.Problems;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Commands;

/// <summary>A request that its caller may repeat: the same key and body get the first answer again (bus-api.md, Conventions).</summary>
/// <param name="ActorId">Whose key it is.</param>
/// <param name="Key">1 to 200 characters of the caller's choice.</param>
/// <param name="RequestHash">SHA-256 of method, path and body.</param>
/// <param name="SuccessStatus">The HTTP status that goes with the result.</param>
/// <param name="SealingKey">32 bytes that only this caller can derive again, under which an answer with a secret in it is kept.</param>
public sealed record IdempotentRequest(Guid ActorId, string Key, byte[] RequestHash, int SuccessStatus, Lazy<byte[]> SealingKey);

/// <summary>An answer as it was given the first time.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">JSON; for a status of 400 and more, the code and the detail of the problem.</param>
public sealed record StoredAnswer(int Status, string Body)
{
    /// <summary>How long an answer is kept (bus-api.md: 24 h).</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromHours(24);

    /// <summary>The problem, to be raised again.</summary>
    public DomainException ToProblem()
    {
        var problem = JsonSerializer.Deserialize<StoredProblem>(Body, WireJson.Options)!;
        return new DomainException(problem.Code, problem.Detail);
    }

    /// <summary>Keeps a problem as an answer.</summary>
    public static StoredAnswer Of(DomainException problem) =>
        new(problem.Status, JsonSerializer.Serialize(new StoredProblem(problem.Code, problem.Message), WireJson.Options));

    private sealed record StoredProblem(string Code, string Detail);
}

/// <summary>What a command came to: its result, or the first answer to the same request.</summary>
/// <typeparam name="T">The result.</typeparam>
public readonly record struct Outcome<T>(T? Value, StoredAnswer? Replayed);

/// <summary>The table of answers already given. Every method works inside the caller's transaction.</summary>
public static class IdempotencyKeys
{
    /// <summary>The name of the constraint that a second, concurrent answer runs into.</summary>
    public const string UniqueConstraint = "idempotency_keys_pkey";

    /// <summary>Begins the statement that keeps answers, for one that makes them itself.</summary>
    internal const string Insert = "insert into idempotency_keys (actor_id, key, request_hash, status, body)";

    /// <summary>Finds the answers already given to <paramref name="requests"/>; null where there is none.</summary>
    /// <remarks>Where the key was used for another request, the answer is the problem <c>idempotency_mismatch</c>.</remarks>
    public static async Task<StoredAnswer?[]> FindAsync(
        NpgsqlConnection connection, IReadOnlyList<IdempotentRequest?> requests, CancellationToken cancellationToken)
    {
        var answers = new StoredAnswer?[requests.Count];
        var asked = Enumerable.Range(0, requests.Count).Where(i => requests[i] is not null).ToArray();
        if (asked.Length == 0)
        {
            return answers;
        }

        await using var command = new NpgsqlCommand(
            """
            select q.place, k.request_hash, k.status, k.body
            from unnest(@places, @actors, @keys) as q(place, actor_id, key)
            join idempotency_keys k on k.actor_id = q.actor_id and k.key = q.key
            where k.created_at > clock_timestamp() - @kept
            """,
            connection);
        command.Parameters.AddWithValue("places", asked);
        command.Parameters.AddWithValue("actors", Array.ConvertAll(asked, i => requests[i]!.ActorId));
        command.Parameters.AddWithValue("keys", Array.ConvertAll(asked, i => requests[i]!.Key));
        command.Parameters.AddWithValue("kept", StoredAnswer.KeptFor);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var place = reader.GetInt32(0);
            answers[place] = reader.GetFieldValue<byte[]>(1).AsSpan().SequenceEqual(requests[place]!.RequestHash)
                ? Open(reader.GetInt16(2), reader.GetString(3), requests[place]!)
                : StoredAnswer.Of(new DomainException(
                    ProblemTypes.IdempotencyMismatch,
                    $"The Idempotency-Key '{requests[place]!.Key}' was used for another request within the last 24 hours. Use a new key for a new request."));
        }

        return answers;
    }

    private static StoredAnswer Open(int status, string body, IdempotentRequest request)
    {
        try
        {
            return new StoredAnswer(status, SealedAnswer.Open(body, request.SealingKey));
        }
        catch (AuthenticationTagMismatchException)
        {
            // Sealed under another key of the same actor: one that has been rotated since, or the founder's second.
            return StoredAnswer.Of(new DomainException(
                ProblemTypes.IdempotencyMismatch,
                $"The answer to the Idempotency-Key '{request.Key}' has a secret in it, and can be had again only with the bearer key that asked first. Use a new key for a new request."));
        }
    }

    /// <summary>Keeps answers. A key that another transaction has answered meanwhile violates <see cref="UniqueConstraint"/>.</summary>
    /// <param name="connection">With the transaction open.</param>
    /// <param name="answers">What is kept.</param>
    /// <param name="overExpired">Whether a key whose day is over but which has not been pruned yet is taken over, or violates the constraint too.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task StoreAsync(
        NpgsqlConnection connection, IReadOnlyList<(IdempotentRequest Request, StoredAnswer Answer)> answers, bool overExpired, CancellationToken cancellationToken)
    {
        if (answers.Count == 0)
        {
            return;
        }

        await using var batch = new NpgsqlBatch(connection);
        AddStoreTo(batch, answers, overExpired);
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Adds the command that keeps answers, for callers that send more in the same round trip.</summary>
    public static void AddStoreTo(NpgsqlBatch batch, IReadOnlyList<(IdempotentRequest Request, StoredAnswer Answer)> answers, bool overExpired)
    {
        var count = answers.Count;
        if (count == 0)
        {
            return;
        }

        var actors = new Guid[count];
        var keys = new string[count];
        var hashes = new byte[count][];
        var statuses = new short[count];
        var bodies = new string[count];
        for (var i = 0; i < count; i++)
        {
            var (request, answer) = answers[i];
            (actors[i], keys[i], hashes[i], statuses[i], bodies[i]) = (request.ActorId, request.Key, request.RequestHash, (short)answer.Status, answer.Body);
        }

        if (overExpired)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(
                "delete from idempotency_keys k using unnest($1, $2) as q(actor_id, key) where k.actor_id = q.actor_id and k.key = q.key and k.created_at <= clock_timestamp() - $3")
            {
                Parameters = { new() { Value = actors }, new() { Value = keys }, new() { Value = StoredAnswer.KeptFor } },
            });
        }

        batch.BatchCommands.Add(new NpgsqlBatchCommand($"{Insert} select * from unnest($1, $2, $3, $4, $5)")
        {
            Parameters =
            {
                new() { Value = actors },
                new() { Value = keys },
                new() { Value = hashes, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea },
                new() { Value = statuses },
                new() { Value = bodies },
            },
        });
    }
}
