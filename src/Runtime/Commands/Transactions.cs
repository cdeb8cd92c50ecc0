using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.EventLog;
using Npgsql;

namespace ControlCenter.Runtime.Commands;

/// <summary>Runs commands: one transaction each, with its events and, for a request that may be repeated, its answer.</summary>
public sealed class Transactions(NpgsqlDataSource database, EventLogSignal signal)
{
    // A serialisation failure or deadlock says "try again" (PostgreSQL manual, 13.5); more often than this it is not chance.
    private const int MostTries = 4;

    /// <summary>Runs <paramref name="work"/> for a caller that will not repeat it: pages and the host itself.</summary>
    public async Task<T> RunAsync<T>(Caller caller, Func<UnitOfWork, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        (await RunAsync(caller, null, work, cancellationToken)).Value!;

    /// <summary>Runs <paramref name="work"/>, or finds the answer that the same request had before.</summary>
    /// <exception cref="DomainException">What the command refused; nothing was changed.</exception>
    public async Task<Outcome<T>> RunAsync<T>(
        Caller caller, IdempotentRequest? request, Func<UnitOfWork, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryAsync(caller, request, work, isRepeat: attempt > 1, cancellationToken);
            }
            catch (PostgresException fault) when (attempt < MostTries && IsWorthAnotherTry(fault))
            {
                // Nothing was committed; the whole of it is done again, or the other's answer is found.
            }
            catch (DomainException problem) when (request is not null && IsFinal(problem))
            {
                await KeepProblemAsync(request, problem, cancellationToken);
                throw;
            }
        }
    }

    /// <summary>Whether a fault means that the same transaction may succeed if it is run again.</summary>
    internal static bool IsWorthAnotherTry(PostgresException fault) =>
        fault.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected
        || fault is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: IdempotencyKeys.UniqueConstraint };

    /// <summary>Whether a problem is an answer for good. A host that does not admit work now may do so in a minute.</summary>
    internal static bool IsFinal(DomainException problem) => problem.Status is >= 400 and < 500 and not 422 and not 429;

    /// <summary>The answer to keep for a result.</summary>
    internal static StoredAnswer AnswerOf<T>(IdempotentRequest request, T result) =>
        result is null ? new StoredAnswer(204, "") : new StoredAnswer(request.SuccessStatus, BodyOf(request, result));

    /// <summary>Writes what happened, keeps the answers and commits, in one round trip.</summary>
    /// <remarks>Cannot be given up: from here on a caller's going away must not leave it open whether the work was done.</remarks>
    internal static async Task CommitAsync(
        NpgsqlConnection connection, IReadOnlyList<EventDraft> events, IReadOnlyList<(IdempotentRequest Request, StoredAnswer Answer)> answers, bool overExpired)
    {
        await using var batch = new NpgsqlBatch(connection);
        if (events.Count > 0)
        {
            EventAppender.AddTo(batch, events);
        }

        IdempotencyKeys.AddStoreTo(batch, answers, overExpired);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("commit"));
        await batch.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private static string BodyOf<T>(IdempotentRequest request, T result)
    {
        var body = JsonSerializer.Serialize(result, WireJson.Options);
        return result is ICarriesSecret ? SealedAnswer.Seal(body, request.SealingKey.Value) : body;
    }

    private async Task<Outcome<T>> TryAsync<T>(
        Caller caller, IdempotentRequest? request, Func<UnitOfWork, CancellationToken, Task<T>> work, bool isRepeat, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (request is not null && (await IdempotencyKeys.FindAsync(connection, [request], cancellationToken))[0] is { } before)
        {
            return before.Status >= 400 ? throw before.ToProblem() : new Outcome<T>(default, before);
        }

        var unit = new UnitOfWork(connection, caller);
        var result = await work(unit, cancellationToken);
        await CommitAsync(connection, unit.Events, request is null ? [] : [(request, AnswerOf(request, result))], overExpired: isRepeat);
        if (unit.Events.Count > 0)
        {
            signal.Committed();
        }

        return new Outcome<T>(result, null);
    }

    private async Task KeepProblemAsync(IdempotentRequest request, DomainException problem, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            await IdempotencyKeys.StoreAsync(connection, [(request, StoredAnswer.Of(problem))], overExpired: true, cancellationToken);
        }
        catch (PostgresException fault) when (IsWorthAnotherTry(fault))
        {
            // Another host answered the same key first; its answer stands.
        }
    }
}
