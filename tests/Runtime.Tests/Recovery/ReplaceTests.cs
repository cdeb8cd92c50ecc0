using System.Collections.Concurrent;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Hooks;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Storage.Embedded;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>A restored database takes the running one's place: from the request to the start after it. The clusters are folders by name alone.</summary>
public sealed class ReplaceTests : IAsyncLifetime
{
    private static readonly Caller Founder = new(Actor.FounderId, "founder", Role.FounderAdmin);

    private readonly string _home = Directory.CreateTempSubdirectory("cc-replace-").FullName;
    private readonly Guid _restore = Guid.NewGuid();
    private readonly Guid _service = Guid.NewGuid();
    private readonly ConcurrentQueue<string> _errors = new();
    private string _now = "";
    private string _then = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Told => Path.Combine(_home, "told");

    private string Folder => Path.Combine(_home, "recovery", "restores", "1");

    public async ValueTask InitializeAsync()
    {
        (_now, _then) = (await TestCluster.CreateDatabaseAsync(Stop), await TestCluster.CreateDatabaseAsync(Stop));
        foreach (var cluster in new[] { _home, Folder })
        {
            Directory.CreateDirectory(Path.Combine(cluster, "postgres", "data"));
            await File.WriteAllTextAsync(Path.Combine(cluster, "postgres", "data", "PG_VERSION"), "17", Stop);
        }

        var hook = Path.Combine(_home, "hook");
        await File.WriteAllTextAsync(hook, $"#!/bin/sh\ncat >> '{Told}'\n", Stop);
        File.SetUnixFileMode(hook, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var database in new[] { _now, _then })
        {
            await ExecuteAsync(database, $"insert into actors (id, name, role) values ('{_service}', 'a service', 'system_service')");
            await ExecuteAsync(database, $"insert into api_keys (id, actor_id, hash, prefix, created_at) values ('{_service}', '{_service}', sha256('its key'), 'cc_a', now() - interval '1 day')");
        }

        await ExecuteAsync(_now, $"""
            insert into restores (id, target, state, requested_by, folder, verdicts, passed)
            values ('{_restore}', now() - interval '10 minutes', 'restored', '{Actor.FounderId}', '{Folder}', '[]', true)
            """);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_home, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Who_was_revoked_after_the_request_stays_so_and_no_key_changes_while_the_database_ends()
    {
        await using var host = Host(_now);
        await ReplaceAsync(host, "a");
        host.GetRequiredService<HostRestart>().IsRequested.ShouldBeTrue();
        ClusterSwap.IsPending(_home).ShouldBeFalse("its doors are open yet");

        await host.GetRequiredService<RevokeAccess>().ExecuteAsync(_service, Founder, null, Stop);
        var ended = false;
        await host.GetRequiredService<HandOverDatabase>().ExecuteAsync(async _ =>
        {
            (await Should.ThrowAsync<PostgresException>(() => ExecuteAsync(_now, "set lock_timeout = '100ms'; update api_keys set revoked_at = null")))
                .SqlState.ShouldBe(PostgresErrorCodes.LockNotAvailable);
            // As PostgreSQL does when it ends.
            await TextAsync(_now, "select count(pg_terminate_backend(pid))::text from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
            ended = true;
        });
        ended.ShouldBeTrue();
        _errors.ShouldBeEmpty();

        (await ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop)).ShouldNotBeNull().Problem.ShouldBeNull();
        await using var next = Host(_then);
        await next.GetRequiredService<RecordReplacement>().ExecuteAsync(Stop);
        (await TextAsync(_then, $"select state from restores where id = '{_restore}'")).ShouldBe("replaced");
        (await TextAsync(_then, $"select (revoked_at is not null)::text from api_keys where id = '{_service}'")).ShouldBe("true");
    }

    [Fact]
    public async Task A_host_that_died_before_it_handed_over_goes_on_as_it_was_and_says_so_and_it_can_be_asked_again()
    {
        await using (var host = Host(_now))
        {
            await ReplaceAsync(host, "a");
        }

        (await ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop)).ShouldBeNull();
        await using var next = Host(_now);
        await next.GetRequiredService<RecordReplacement>().ExecuteAsync(Stop);
        await next.GetRequiredService<RecordReplacement>().ExecuteAsync(Stop);
        var view = (await next.GetRequiredService<RestoreQueries>().FindAsync(_restore, Stop)).ShouldNotBeNull();
        (view.State, view.CanReplace).ShouldBe((RestoreState.Restored, true));
        view.Problem.ShouldNotBeNull().ShouldContain("Ask for it again");
        (await TextAsync(_now, "select count(*)::text from events where kind = 'backup.database_not_replaced'")).ShouldBe("1");

        // What was asked for before is answered as it was, and neither told of again nor done.
        (await ReplaceAsync(next, "a")).Replayed.ShouldNotBeNull();
        next.GetRequiredService<HostRestart>().IsRequested.ShouldBeFalse();
        (await ReplaceAsync(next, "b")).Replayed.ShouldBeNull();
        next.GetRequiredService<HostRestart>().IsRequested.ShouldBeTrue();
        (await next.GetRequiredService<RestoreQueries>().FindAsync(_restore, Stop)).ShouldNotBeNull().Problem.ShouldBeNull();
        await BackedUpCluster.UntilAsync(() => Task.FromResult(File.Exists(Told) && File.ReadAllLines(Told).Length == 2), Stop);
    }

    [Fact]
    public async Task Where_it_cannot_be_noted_the_database_is_not_ended_by_it()
    {
        await using var host = Host(_now);
        await ReplaceAsync(host, "a");
        Directory.CreateDirectory(Path.Combine(_home, "replace-cluster.json"));
        await host.GetRequiredService<HandOverDatabase>().ExecuteAsync(_ => throw new InvalidOperationException("it was not noted"));
        _errors.ShouldHaveSingleItem().ShouldStartWith("The database is not replaced");
        await using var next = Host(_now);
        await next.GetRequiredService<RecordReplacement>().ExecuteAsync(Stop);
        (await TextAsync(_now, "select state from restores")).ShouldBe("restored");
    }

    private ServiceProvider Host(string database) => new ServiceCollection().AddLogging(to => to.AddProvider(new Errors(_errors)))
        .AddSingleton(new DataFolder(_home)).AddSingleton(new OwnCluster(_home)).AddRuntime(database).AddRecovery(null)
        .AddSingleton(new RecoveryHook(Path.Combine(_home, "hook"))).BuildServiceProvider();

    private Task<Outcome<RestoreReference>> ReplaceAsync(IServiceProvider host, string key) => host.GetRequiredService<ReplaceDatabase>().ExecuteAsync(
        _restore, new ReplaceRequest($"replace {Path.GetFileName(_home)}"), Founder,
        new IdempotentRequest(Actor.FounderId, key, new byte[32], 202, new Lazy<byte[]>(() => [])), Stop);

    private static async Task ExecuteAsync(string database, string sql)
    {
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Stop);
    }

    private static async Task<string> TextAsync(string database, string sql)
    {
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync(Stop))!;
    }

    private sealed class Errors(ConcurrentQueue<string> kept) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                kept.Enqueue(formatter(state, exception));
            }
        }
    }
}
