using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Recovery;

/// <summary>A look at the repository's own data.</summary>
/// <param name="Sound">Whether everything that was read is what was written.</param>
/// <param name="Detail">What is damaged, or what was read.</param>
public sealed record RepositoryVerdict(bool Sound, string Detail);

/// <summary>
/// Reads what is in the repository against its hashes: a seventh each night, all of it once a week. A plain <c>restic check</c>
/// looks at no data, and misses every flipped bit.
/// </summary>
public sealed class VerifyRepository(Restic restic, RepositoryGate gate, Transactions transactions, TimeProvider time)
{
    /// <summary>The shares that a week's nights read.</summary>
    public const int Parts = 7;

    /// <summary>Reads a share, or all of it, and records what was found; damage stands as a problem until the same is read and sound (<see cref="Watching.LookAtRecovery"/>).</summary>
    /// <param name="part">1 to <see cref="Parts"/>; null for all.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="cancellationToken">Breaks it off; nothing is then recorded.</param>
    /// <exception cref="ToolException">It could not be read at all: it is away, hangs, or has another password. That says nothing about what is in it.</exception>
    public async Task<RepositoryVerdict> ExecuteAsync(int? part, Caller caller, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        RepositoryVerdict verdict;
        try
        {
            await using var upkeep = await gate.KeepUpAsync(cancellationToken);
            // Nothing is added while restic compares the index with the snapshots; while it reads the data, which is what takes long, all goes on.
            await using var alone = new OnceReleased(await gate.BeAloneAsync(cancellationToken));
            await restic.VerifyAsync(part ?? 1, part is null ? 1 : Parts, alone.Release, cancellationToken);
            verdict = new RepositoryVerdict(true, part is { } p ? string.Create(CultureInfo.InvariantCulture, $"share {p} of {Parts} is what was written") : "all of it is what was written");
        }
        catch (ToolException fault) when (fault is { Fault: RepositoryFault.Other, ExitCode: not null })
        {
            verdict = new RepositoryVerdict(false, fault.Message);
        }

        var seconds = (decimal)time.GetElapsedTime(began).TotalSeconds;
        return await transactions.RunAsync(caller, async (unit, ct) =>
        {
            var id = Uuid7.New(time);
            await unit.ExecuteAsync(
                "insert into repository_checks (id, part, is_sound, detail, seconds) values (@id, @part, @sound, @detail, @seconds)", ct,
                ("id", id), ("part", part), ("sound", verdict.Sound), ("detail", verdict.Detail), ("seconds", seconds));
            unit.Record(verdict.Sound ? "backup.verified" : "backup.verification_failed", ("repository", ""), new { Part = part, Parts, verdict.Detail });
            return verdict;
        }, cancellationToken);
    }

    private sealed class OnceReleased(IAsyncDisposable held) : IAsyncDisposable
    {
        private Task? _released;

        public void Release() => _released ??= held.DisposeAsync().AsTask();

        public async ValueTask DisposeAsync()
        {
            Release();
            await _released!;
        }
    }
}
