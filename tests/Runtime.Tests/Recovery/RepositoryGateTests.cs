using ControlCenter.Runtime.Recovery;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>Who waits for whom at the repository.</summary>
public sealed class RepositoryGateTests : IAsyncLifetime
{
    private NpgsqlDataSource _database = null!;
    private RepositoryGate _gate = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = NpgsqlDataSource.Create(await TestCluster.CreateDatabaseAsync(Stop));
        _gate = new RepositoryGate(_database, TimeProvider.System);
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Whoever_would_add_waits_for_the_one_alone_and_goes_before_the_next()
    {
        var alone = await _gate.BeAloneAsync(Stop);
        var adding = _gate.AddAsync(Stop);
        await WaitingAsync();
        var next = _gate.BeAloneAsync(Stop);
        adding.IsCompleted.ShouldBeFalse();

        await alone.DisposeAsync();
        await using (await adding)
        {
            await using var second = await _gate.AddAsync(Stop);
            (await _gate.TryBeAloneAsync(Stop)).ShouldBeNull();
            next.IsCompleted.ShouldBeFalse("it waits for whoever adds, and holds up none of them");
        }

        await (await next).DisposeAsync();
    }

    private async Task WaitingAsync()
    {
        await using var command = _database.CreateCommand(
            "select exists (select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database()))");
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!(bool)(await command.ExecuteScalarAsync(Stop))!)
        {
            await timer.WaitForNextTickAsync(Stop);
        }
    }
}
