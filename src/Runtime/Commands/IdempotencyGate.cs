using System.Collections.Concurrent;

namespace ControlCenter.Runtime.Commands;

/// <summary>Lets one request with a given key through at a time, so that its twins find its answer and do not race it.</summary>
/// <remarks>Only for this host, and only to save work: between hosts the table's primary key decides.</remarks>
public sealed class IdempotencyGate
{
    private readonly ConcurrentDictionary<(Guid ActorId, string Key), Turnstile> _turnstiles = new();

    /// <summary>Waits for its turn; the next may go when the result is disposed.</summary>
    public async Task<IDisposable> EnterAsync(Guid actorId, string key, CancellationToken cancellationToken)
    {
        var id = (actorId, key);
        Turnstile turnstile;
        while (true)
        {
            turnstile = _turnstiles.GetOrAdd(id, static _ => new Turnstile());
            lock (turnstile)
            {
                if (!turnstile.Removed)
                {
                    turnstile.Users++;
                    break;
                }
            }
        }

        try
        {
            await turnstile.Door.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Leave(id, turnstile);
            throw;
        }

        return new Turn(this, id, turnstile);
    }

    private void Leave((Guid, string) id, Turnstile turnstile)
    {
        lock (turnstile)
        {
            if (--turnstile.Users == 0)
            {
                turnstile.Removed = true;
                _turnstiles.TryRemove(id, out _);
            }
        }
    }

    private sealed class Turnstile
    {
        public SemaphoreSlim Door { get; } = new(1, 1);

        public int Users { get; set; }

        public bool Removed { get; set; }
    }

    private sealed class Turn(IdempotencyGate gate, (Guid, string) id, Turnstile turnstile) : IDisposable
    {
        public void Dispose()
        {
            turnstile.Door.Release();
            gate.Leave(id, turnstile);
        }
    }
}
