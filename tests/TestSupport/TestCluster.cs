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

    private static async Task<EmbeddedPostgres> StartAsync(CancellationToken cancellationToken)
    {
        var home = Path.Combine("/tmp", $"cc-test-{Environment.ProcessId}");
        var cluster = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(home, Database: Template), NullLogger.Instance, TimeProvider.System, cancellationToken);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            NpgsqlConnection.ClearAllPools();
#pragma warning disable VSTHRD002 // The process is ending; there is nothing left to be asynchronous with.
            cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
            Directory.Delete(home, recursive: true);
        };
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
