using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.TestSupport;

/// <summary>One real PostgreSQL for a whole test run; every test class gets a database of its own, copied from a migrated template.</summary>
public static class TestCluster
{
    private const string Template = "template_cc";

    private static readonly string Home = Path.Combine("/tmp", $"cc-test-{Environment.ProcessId}");
    private static readonly SemaphoreSlim Gate = new(1, 1);
    private static EmbeddedPostgres? _cluster;
    private static int _count;

    /// <summary>Makes a database that nobody else uses, and returns its connection string.</summary>
    public static async Task<string> CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        await Gate.WaitAsync(cancellationToken);
        try
        {
            _cluster ??= await StartAsync(cancellationToken);
            var name = $"test_{++_count}";
            await ExecuteAsync($"create database {name} template {Template}", cancellationToken);
            return new NpgsqlConnectionStringBuilder(_cluster.ConnectionString) { Database = name }.ConnectionString;
        }
        finally
        {
            Gate.Release();
        }
    }

    /// <summary>Stops the server and removes its folder.</summary>
    internal static async Task StopAsync()
    {
        if (_cluster is not null)
        {
            NpgsqlConnection.ClearAllPools();
            await _cluster.DisposeAsync();
            Directory.Delete(Home, recursive: true);
        }
    }

    private static async Task<EmbeddedPostgres> StartAsync(CancellationToken cancellationToken)
    {
        var cluster = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(Home, Database: Template, MostConnections: 500), NullLogger.Instance, TimeProvider.System, cancellationToken);
        var options = new DbContextOptionsBuilder<ControlCenterDb>().UseNpgsql(
            new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Pooling = false }.ConnectionString).Options;
        await using var db = new ControlCenterDb(options);
        await db.Database.MigrateAsync(cancellationToken);
        return cluster;
    }

    private static async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(_cluster!.ConnectionString) { Database = "postgres", Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>Ends the cluster with the tests of an assembly, whose fixture it is, and not with their process: on a busy machine a server takes longer to stop than a runner waits for that.</summary>
public sealed class TestClusterLifetime : IAsyncDisposable
{
    /// <inheritdoc />
    public ValueTask DisposeAsync() => new(TestCluster.StopAsync());
}
