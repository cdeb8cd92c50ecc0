using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>A process that can be the primary.</summary>
/// <param name="Id">New with each start.</param>
/// <param name="Name">The machine's.</param>
/// <param name="Surface">How it was started: <c>host</c>, or what joins as another surface.</param>
public sealed record PrimaryCandidate(Guid Id, string Name, string Surface)
{
    /// <summary>The one row of <c>leaderships</c>.</summary>
    public const string Leadership = "orchestrator";
}

/// <summary>Whether this process is the primary just now, and by which epoch.</summary>
public sealed class Primary(PrimaryCandidate self, TimeProvider time)
{
    // A primary that is stopped in the middle of a transaction must not keep the lease's row from the next one.
    private const string LetGo = "set local idle_in_transaction_session_timeout = '2s'";

    private readonly Lock _gate = new();
    private long _renewedAt;
    private long _epoch;

    /// <summary>Who this process is.</summary>
    public PrimaryCandidate Self { get; } = self;

    /// <summary>The epoch that this process is the primary by; null where it is not, or cannot be sure.</summary>
    public long? Epoch
    {
        get
        {
            lock (_gate)
            {
                return _epoch > 0 && time.GetElapsedTime(_renewedAt) < PrimaryLease.Trusted ? _epoch : null;
            }
        }
    }

    /// <summary>Refuses to go on in a transaction unless this process is the primary by this epoch, and stays so until its commit.</summary>
    /// <returns>False: another one is, or may be.</returns>
    public async Task<bool> HoldAsync(UnitOfWork unit, long epoch, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(LetGo, cancellationToken);
        await using var command = unit.Command(
            "select 1 from leaderships where name = @name and holder_id = @self and epoch = @epoch and expires_at > clock_timestamp() for share",
            ("name", PrimaryCandidate.Leadership), ("self", Self.Id), ("epoch", epoch));
        return await command.ExecuteScalarAsync(cancellationToken) is not null;
    }

    internal void Renewed(long epoch, long askedAt)
    {
        lock (_gate)
        {
            (_epoch, _renewedAt) = (epoch, askedAt);
        }
    }

    internal void Lost()
    {
        lock (_gate)
        {
            _epoch = 0;
        }
    }
}
