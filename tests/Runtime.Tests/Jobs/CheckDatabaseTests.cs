using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Jobs;

public sealed class CheckDatabaseTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_sound_database_passes_and_one_whose_index_lacks_a_row_is_an_alert()
    {
        var connectionString = await TestCluster.CreateDatabaseAsync(Stop);
        await using var host = await JobHost.StartAsync(connectionString, new TestJob((_, _) => Task.CompletedTask), Stop);
        var database = host.Get<NpgsqlDataSource>();

        var sound = await RunAsync(host);
        (sound.State, sound.Error).ShouldBe((JobRunState.Succeeded, null));
        sound.ProgressWords.ShouldNotBeNull().ShouldMatch("^no damage in [1-9][0-9]+ tables and indexes, and [1-9][0-9]+ invariants hold$");

        // An index that was not told of a row: what a torn write leaves, and what nobody notices until that row is looked for.
        await using (var damage = database.CreateCommand(
            """
            create table damaged (id int primary key);
            update pg_index set indisready = false where indexrelid = 'damaged_pkey'::regclass;
            insert into damaged values (1);
            update pg_index set indisready = true where indexrelid = 'damaged_pkey'::regclass;
            """))
        {
            await damage.ExecuteNonQueryAsync(Stop);
        }

        var damaged = await RunAsync(host);
        damaged.State.ShouldBe(JobRunState.Failed);
        damaged.Error.ShouldNotBeNull().ShouldContain("damaged_pkey");
        (await database.ColumnAsync("select data->>'title' from events where kind = 'alert.raised' and data->>'severity' = 'critical'", Stop)).ShouldBe(["The database is damaged"]);
        (await database.ScalarAsync<long>("select count(*) from job_runs where job = 'check-database' and state = 'queued'", Stop)).ShouldBe(0, "another attempt would not mend it");
    }

    private static async Task<JobRunView> RunAsync(JobHost host)
    {
        var run = (await host.Get<RunJobNow>().ExecuteAsync("check-database", new RunJobRequest(), Sql.Founder, null, Stop)).Value!.RunId;
        await host.RunAllAsync(Stop);
        return (await host.Get<JobQueries>().FindRunAsync("check-database", run, 0, Stop))!.Run;
    }
}
