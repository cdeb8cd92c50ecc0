using System.Threading.Channels;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Storage;
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
    // By weight: a group larger than this gains nothing more from being together and keeps its first caller waiting.
    private const int LargestGroup = 512;

    // Callers that may wait in line. Kestrel's own limits keep the number of requests far below; this one only bounds memory.
    private const int LongestLine = 65_536;

    private const int MostTries = 4;

    private const int AnswersOnOneThread = 16;

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

    /// <summary>How many groups may be under way at once.</summary>
    protected virtual int MostAtOnce => 1;

    /// <summary>What a request is of a group, next to one with the least to do: at least 1.</summary>
    protected virtual int WeightOf(TRequest request) => 1;

    /// <summary>How long a group begins after the one before, at the least, so that it is worth its commit.</summary>
    protected virtual TimeSpan Interval => TimeSpan.Zero;

    /// <summary>Whether groups tell of what they do in the event log, so that its readers are to be woken.</summary>
    protected virtual bool WritesEvents => true;

    /// <summary>Does what the group asks, in the connection's open transaction, and gives each request its result or its problem.</summary>
    /// <param name="connection">With the transaction open.</param>
    /// <param name="group">What is asked. A request that is refused must have changed nothing.</param>
    /// <param name="events">Takes the events that tell of what was done; they are written in the round trip that commits.</param>
    /// <param name="cancellationToken">Gives up.</param>
    protected abstract Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<TRequest, TResult>> group, List<EventDraft> events, CancellationToken cancellationToken);

    /// <summary>Does the whole of a group in one round trip, its answers and its commit too, where the command's answers are known without asking.</summary>
    /// <returns>False where they are not: nothing was done then.</returns>
    protected virtual Task<bool> TryAtOnceAsync(NpgsqlConnection connection, IReadOnlyList<GroupMember<TRequest, TResult>> group) => Task.FromResult(false);

    /// <summary>Whether what a member came to is an answer to keep; a caller that will ask again has none yet.</summary>
    protected virtual bool IsAnswer(GroupMember<TRequest, TResult> member) => true;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var lanes = Array.ConvertAll(new int[MostAtOnce], _ => new Lane(database));
        try
        {
            for (var begunAt = long.MinValue; await _line.Reader.WaitToReadAsync(stoppingToken); begunAt = Time.GetTimestamp())
            {
                if (begunAt != long.MinValue && Interval - Time.GetElapsedTime(begunAt) is var early && early > TimeSpan.Zero)
                {
                    await Task.Delay(early, Time, stoppingToken);
                }

                var lane = Array.Find(lanes, l => l.Work.IsCompleted)!;
                Take(lane.Group);
                lane.Work = CommitAsync(lane, stoppingToken);

                // A second group goes beside the first only when one could not hold all that waited: else each would be half as large.
                var underWay = Array.FindAll(lanes, l => !l.Work.IsCompleted);
                if (underWay.Length > 0 && (Waiting == 0 || underWay.Length == lanes.Length))
                {
                    await Task.WhenAny(Array.ConvertAll(underWay, l => l.Work));
                }

                Beat("committed a group");
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            _line.Writer.TryComplete();
        }
        finally
        {
            foreach (var lane in lanes)
            {
                await lane.Work;
                await lane.DisposeAsync();
            }

            if (stoppingToken.IsCancellationRequested)
            {
                var left = new List<Pending>();
                for (Take(left); left.Count > 0; Take(left))
                {
                    Fail(left, Stopping());
                }
            }
        }
    }

    private static UnavailableException Stopping() =>
        new(ProblemTypes.ShuttingDown, "The host is stopping; repeat the request when it is back.", retryAfterSeconds: 2);

    private void Take(List<Pending> group)
    {
        group.Clear();
        var weight = 0;
        while (weight < LargestGroup && _line.Reader.TryRead(out var pending))
        {
            if (pending.Abandoned.IsCancellationRequested)
            {
                pending.Answer.TrySetCanceled(pending.Abandoned);
                continue;
            }

            group.Add(pending);
            weight += WeightOf(pending.Request);
        }
    }

    private async Task CommitAsync(Lane lane, CancellationToken cancellationToken)
    {
        var group = lane.Group;
        if (group.Count == 0)
        {
            return;
        }

        try
        {
            await CommitTogetherAsync(lane, group, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Fail(group, Stopping());
        }
        catch (PostgresException fault) when (group.Count > 1 && !IsForWantOfRoom(fault))
        {
            // One of them may be at fault: each gets its own transaction, and its own answer.
            LogGroupSplit(Logger, Name, group.Count, fault.SqlState);
            foreach (var single in group)
            {
                await CommitAloneAsync(lane, single, cancellationToken);
            }
        }
#pragma warning disable CA1031 // The callers wait for an answer: whatever went wrong is theirs to hear, and is logged by whoever answers them.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Fail(group, fault);
        }
    }

    // Class 53, insufficient resources: no member's fault, and each alone would fare no better.
    private static bool IsForWantOfRoom(PostgresException fault) => fault.SqlState.StartsWith("53", StringComparison.Ordinal);

    private async Task CommitAloneAsync(Lane lane, Pending single, CancellationToken cancellationToken)
    {
        try
        {
            await CommitTogetherAsync(lane, [single], cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Fail([single], Stopping());
        }
#pragma warning disable CA1031 // As above.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Fail([single], fault);
        }
    }

    private async Task CommitTogetherAsync(Lane lane, List<Pending> group, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await TryAsync(lane, group, lookFirst: attempt > 1, cancellationToken);
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
    private async Task TryAsync(Lane lane, List<Pending> group, bool lookFirst, CancellationToken cancellationToken)
    {
        foreach (var pending in group)
        {
            pending.Reset();
        }

        var connection = await lane.Connection.GetAsync(cancellationToken);
        if (lookFirst || !await TryAtOnceAsync(connection, group))
        {
            await TryInStepsAsync(connection, group, lookFirst, cancellationToken);
        }

        if (WritesEvents)
        {
            signal.Committed();
        }

        Answer(group, static pending => pending.Deliver());
    }

    private async Task TryInStepsAsync(NpgsqlConnection connection, List<Pending> group, bool lookFirst, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (lookFirst)
        {
            await FindAnswersAsync(connection, group, cancellationToken);
        }

        var members = group.FindAll(p => !p.IsAnswered).ConvertAll<GroupMember<TRequest, TResult>>(p => p);
        var events = new List<EventDraft>();
        if (members.Count > 0)
        {
            await ExecuteAsync(connection, members, events, cancellationToken);
        }

        await Transactions.CommitAsync(connection, events, AnswersToKeep(group), overExpired: lookFirst);
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

    private static void Fail(List<Pending> group, Exception fault) => Answer(group, pending => pending.Answer.TrySetException(fault));

    // What callers do next runs elsewhere, while the next group is written; a few on one thread, because waking a thread for
    // each costs more than most of them have left to do.
    private static void Answer(List<Pending> group, Action<Pending> answer)
    {
        foreach (var some in group.Chunk(AnswersOnOneThread))
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static work =>
                {
                    foreach (var pending in work.some)
                    {
                        work.answer(pending);
                    }
                },
                (some, answer),
                preferLocal: false);
        }
    }

    [LoggerMessage(EventId = 1201, Level = LogLevel.Warning, Message = "{Service}: a group of {Count} was refused with {SqlState}; each of them is tried alone")]
    private static partial void LogGroupSplit(ILogger logger, string service, int count, string sqlState);

    /// <summary>Commits one group after another, over a connection of its own.</summary>
    private sealed class Lane(NpgsqlDataSource database) : IAsyncDisposable
    {
        public KeptConnection Connection { get; } = new(database);

        public List<Pending> Group { get; } = [];

        public Task Work { get; set; } = Task.CompletedTask;

        public ValueTask DisposeAsync() => Connection.DisposeAsync();
    }

    private sealed class Pending(TRequest request, IdempotentRequest? idempotency, CancellationToken abandoned) : GroupMember<TRequest, TResult>(request, idempotency)
    {
        public CancellationToken Abandoned { get; } = abandoned;

        public StoredAnswer? Replay { get; set; }

        public TaskCompletionSource<Outcome<TResult>> Answer { get; } = new();

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
