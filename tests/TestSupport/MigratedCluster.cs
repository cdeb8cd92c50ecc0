using System.Diagnostics;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.TestSupport;

/// <summary>A cluster as a host leaves it that was started and stopped again: made once, and copied for each test that needs a whole one.</summary>
public sealed class MigratedCluster : IAsyncDisposable
{
    private static readonly SemaphoreSlim Gate = new(1, 1);
    private static string? _made;

    /// <summary>Makes a host's home with a copy.</summary>
    /// <param name="home">Its path, where nothing is yet.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public static async Task CopyToAsync(string home, CancellationToken cancellationToken)
    {
        await Gate.WaitAsync(cancellationToken);
        try
        {
            _made ??= await MakeAsync(cancellationToken);
        }
        finally
        {
            Gate.Release();
        }

        using var copy = Process.Start("/bin/cp", ["--archive", _made, home]);
        await copy.WaitForExitAsync(cancellationToken);
        if (copy.ExitCode != 0)
        {
            throw new IOException($"The cluster in {_made} cannot be copied to {home}.");
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        if (_made is not null)
        {
            Directory.Delete(_made, recursive: true);
        }

        return ValueTask.CompletedTask;
    }

    private static async Task<string> MakeAsync(CancellationToken cancellationToken)
    {
        var home = Directory.CreateTempSubdirectory("cc-migrated-").FullName;
        File.SetUnixFileMode(home, (UnixFileMode)0b111_101_101);
        await using var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(home), NullLogger.Instance, TimeProvider.System, cancellationToken);
        var address = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Pooling = false }.ConnectionString;
        await using var db = new ControlCenterDb(new DbContextOptionsBuilder<ControlCenterDb>().UseNpgsql(address).Options);
        await db.Database.MigrateAsync(cancellationToken);
        return home;
    }
}
