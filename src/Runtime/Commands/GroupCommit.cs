using System.Threading.Channels;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Commands;

/// <summary>
/// Commits the same command of many callers together: whoever arrives while one group is being written is in the next,
/// so that a busy fleet shares round trips and disk flushes. An answer is given only after its group has been committed.
/// </summary>
/// <typeparam name="TRequest">What one caller asks.</typeparam>
/// <typeparam name="TResult">What it is answered.</typeparam>
public abstract partial class GroupCommit<TRequest, TResult>(
    string name, NpgsqlDataSource database, EventLogSignal signal, TimeProvider time, ILogger logger)
    : SupervisedService(name, time, logger)
    where TRequest : notnull
{
    // A group larger than this gains nothing more from being together and keeps its first caller waiting.
    private const int LargestGroup = 256;

    // Callers that may wait in line. Kestrel's own limits keep the number of requests far below; this one only bounds memory.
    private const int LongestLine = 65_536;

    private const int MostTries = 4;

    private readonly Channel<Pending> _line = Channel.CreateBounded<Pending>(
        new BoundedChannelOptions(LongestLine) { SingleReader = true, AllowSynchronousContinuations = false });

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <summary>How many callers wait for a group.</summary>
    public int Waiting => _line.Reader.Count;

    /// <summary>Waits for the commit of the group that <paramref name="request"/> gets into.</summary>
    /// <exception cref="DomainException">What the command refused this caller.</exception>
    protected Task<Outcome<TResult>> SubmitAsync(TRequest request, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        // A caller that goes away before its turn is left out; after that its work is done whether or not it listens.
        var pending = new Pending(request, idempotency, cancellationToken);
        if (!_line.Writer.TryWrite(pending))
        {
            throw _line.Reader.Completion.IsCompleted
                ? Stopping()
                : new UnavailableException(ProblemTypes.DatabaseUnavailable, $"{Name} is {LongestLine} requests behind; try again shortly.", retryAfterSeconds: 1);
        }

        return pending.Answer.Task;
    }

    /// <summary>Does what the group asks, in the connection's open transaction, and gives each request its result or its problem.</summary>
    /// <remarks>Events are appended by the implementation. A request that is refused must have changed nothing.</remarks>
    protected abstract Task ExecuteAsync(NpgsqlConnection connection, IReadOnlyList<GroupMember<TRequest, TResult>> group, CancellationToken cancellationToken);

    /// <summary>Whether what a member came to is an answer to keep; a caller that will ask again has none yet.</summary>
    protected virtual bool IsAnswer(GroupMember<TRequest, TResult> member) => true;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var group = new List<Pending>(LargestGroup);
        try
        {
            while (await _line.Reader.WaitToReadAsync(stoppingToken))
            {
                Take(group);
                await CommitAsync(group, stoppingToken);
                Beat("committed a group");
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            _line.Writer.TryComplete();
        }
        finally
        {
            Fail(group, Stopping());
            if (stoppingToken.IsCancellationRequested)
            {
                for (Take(group); group.Count > 0; Take(group))
                {
                    Fail(group, Stopping());
                }
            }

            group.Clear();
        }
    }

    private static UnavailableException Stopping() =>
        new(ProblemTypes.ShuttingDown, "The host is stopping; repeat the request when it is back.", retryAfterSeconds: 2);

    private void Take(List<Pending> group)
    {
        group.Clear();
        while (group.Count < LargestGroup && _line.Reader.TryRead(out var pending))
        {
            if (pending.Abandoned.IsCancellationRequested)
            {
                pending.Answer.TrySetCanceled(pending.Abandoned);
                continue;
            }

            group.Add(pending);
        }
    }

    private async Task CommitAsync(List<Pending> group, CancellationToken cancellationToken)
    {
        if (group.Count == 0)
        {
            return;
        }

        try
        {
            await CommitTogetherAsync(group, cancellationToken);
        }
        catch (PostgresException fault) when (group.Count > 1)
        {
            // One of them may be at fault: each gets its own transaction, and its own answer.
            LogGroupSplit(Logger, Name, group.Count, fault.SqlState);
            foreach (var single in group)
            {
                await CommitAloneAsync(single, cancellationToken);
            }
        }
#pragma warning disable CA1031 // The callers wait for an answer: whatever went wrong is theirs to hear, and is logged by whoever answers them.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Fail(group, fault);
        }
    }

    private async Task CommitAloneAsync(Pending single, CancellationToken cancellationToken)
    {
        try
        {
            await CommitTogetherAsync([single], cancellationToken);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Fail([single], fault);
        }
    }

    private async Task CommitTogetherAsync(List<Pending> group, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await TryAsync(group, lookFirst: attempt > 1, cancellationToken);
                return;
            }
            catch (PostgresException fault) when (attempt < MostTries && Transactions.IsWorthAnotherTry(fault))
            {
                // Nothing was committed: the group is looked at afresh, and finds what the other writer left.
            }
        }
    }

    // A repeat is rare, so the first try does not look for one: it runs into the key of the answer already given, is
    // rolled back, and looks then. That saves every group a round trip.
    private async Task TryAsync(List<Pending> group, bool lookFirst, CancellationToken cancellationToken)
    {
        foreach (var pending in group)
        {
            pending.Reset();
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (lookFirst)
        {
            await FindAnswersAsync(connection, group, cancellationToken);
        }

        var members = group.FindAll(p => !p.IsAnswered).ConvertAll<GroupMember<TRequest, TResult>>(p => p);
        if (members.Count > 0)
        {
            await ExecuteAsync(connection, members, cancellationToken);
        }

        // From here on a caller's going away must not leave it open whether the work was done.
        await KeepAnswersAndCommitAsync(connection, group);
        signal.Committed();
        foreach (var pending in group)
        {
            pending.Deliver();
        }
    }

    private static async Task FindAnswersAsync(NpgsqlConnection connection, List<Pending> group, CancellationToken cancellationToken)
    {
        if (!group.Exists(p => p.Idempotency is not null))
        {
            return;
        }

        var answers = await IdempotencyKeys.FindAsync(connection, group.ConvertAll(p => p.Idempotency), cancellationToken);
        for (var i = 0; i < group.Count; i++)
        {
            group[i].Replay = answers[i];
        }
    }

    // Sent together: the answers and the commit are one round trip.
    private async Task KeepAnswersAndCommitAsync(NpgsqlConnection connection, List<Pending> group)
    {
        await using var batch = new NpgsqlBatch(connection);
        IdempotencyKeys.AddStoreTo(batch, AnswersToKeep(group));
        batch.BatchCommands.Add(new NpgsqlBatchCommand("commit"));
        await batch.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private List<(IdempotentRequest Request, StoredAnswer Answer)> AnswersToKeep(List<Pending> group)
    {
        var answers = new List<(IdempotentRequest, StoredAnswer)>();
        foreach (var pending in group)
        {
            if (pending.Idempotency is not { } request || pending.Replay is not null || !IsAnswer(pending))
            {
                continue;
            }

            if (pending.Problem is null)
            {
                answers.Add((request, Transactions.AnswerOf(request, pending.Result)));
            }
            else if (Transactions.IsFinal(pending.Problem))
            {
                answers.Add((request, StoredAnswer.Of(pending.Problem)));
            }
        }

        return answers;
    }

    private static void Fail(IEnumerable<Pending> group, Exception fault)
    {
        foreach (var pending in group)
        {
            pending.Answer.TrySetException(fault);
        }
    }

    [LoggerMessage(EventId = 1201, Level = LogLevel.Warning, Message = "{Service}: a group of {Count} was refused with {SqlState}; each of them is tried alone")]
    private static partial void LogGroupSplit(ILogger logger, string service, int count, string sqlState);

    private sealed class Pending(TRequest request, IdempotentRequest? idempotency, CancellationToken abandoned) : GroupMember<TRequest, TResult>(request)
    {
        public IdempotentRequest? Idempotency { get; } = idempotency;

        public CancellationToken Abandoned { get; } = abandoned;

        public StoredAnswer? Replay { get; set; }

        public TaskCompletionSource<Outcome<TResult>> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsAnswered => Replay is not null;

        public void Reset()
        {
            Replay = null;
            Result = default;
            Problem = null;
        }

        public void Deliver()
        {
            if (Replay is { } replay)
            {
                if (replay.Status >= 400)
                {
                    Answer.TrySetException(replay.ToProblem());
                }
                else
                {
                    Answer.TrySetResult(new Outcome<TResult>(default, replay));
                }
            }
            else if (Problem is not null)
            {
                Answer.TrySetException(Problem);
            }
            else
            {
                Answer.TrySetResult(new Outcome<TResult>(Result, null));
            }
        }
    }
}

/// <summary>One caller's request in a group, and what it comes to.</summary>
/// <typeparam name="TRequest">What is asked.</typeparam>
/// <typeparam name="TResult">What is answered.</typeparam>
public abstract class GroupMember<TRequest, TResult>(TRequest request)
{
    /// <summary>What is asked.</summary>
    public TRequest Request { get; } = request;

    /// <summary>The answer; none may be an answer too.</summary>
    public TResult? Result { get; set; }

    /// <summary>Why it was refused.</summary>
    public DomainException? Problem { get; set; }
}
