using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>Work that of several hosts one does, until it lets go of it or its connection ends.</summary>
internal static class OneHost
{
    /// <summary>Ships the log.</summary>
    public const long ShipsLog = 0x43435F57414C; // "CC_WAL"

    /// <summary>Looks at the backups.</summary>
    public const long Watches = 0x43435F57415443; // "CC_WATC"

    /// <summary>Measures what is stored.</summary>
    public const long Measures = 0x43435F4D4541; // "CC_MEA"

    /// <summary>Tells the founder's program.</summary>
    public const long CallsHook = 0x43435F484F4F; // "CC_HOO"

    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(5);

    /// <summary>Waits until it is this host's turn, which ends when what is returned is disposed of.</summary>
    public static async Task<IAsyncDisposable> WaitForTurnAsync(NpgsqlConnection connection, long work, TimeProvider time, Action waits, CancellationToken cancellationToken)
    {
        while (true)
        {
            await using var command = new NpgsqlCommand($"select pg_try_advisory_lock({work})", connection);
            if ((bool)(await command.ExecuteScalarAsync(cancellationToken))!)
            {
                return new HeldLock(connection, $"select pg_advisory_unlock({work})");
            }

            waits();
            await Task.Delay(AskAgain, time, cancellationToken);
        }
    }
}
