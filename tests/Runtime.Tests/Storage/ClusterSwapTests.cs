using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlCenter.Runtime.Tests.Storage;

/// <summary>A cluster is a folder here: what matters is which is where, at every point at which a process can be killed.</summary>
public sealed class ClusterSwapTests : IDisposable
{
    private const string Aside = "postgres-before-x";
    private static readonly DateTimeOffset At = new(2026, 3, 30, 14, 30, 0, TimeSpan.Zero);

    private readonly string _home = Directory.CreateTempSubdirectory("cc-swap-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Restored => Path.Combine(_home, "recovery", "restores", "1", "postgres");

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task The_restored_cluster_is_in_the_place_and_the_one_of_before_is_kept_with_the_log_that_was_its_own()
    {
        Make("postgres", "old");
        Make(Restored, "new");
        Directory.CreateDirectory(Path.Combine(_home, "recovery", "wal"));
        await File.WriteAllTextAsync(Path.Combine(_home, "recovery", "wal", "segment"), "", Stop);
        await RequestAsync("what was known");
        var outcome = (await ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop)).ShouldNotBeNull();
        (outcome.Problem, outcome.Record).ShouldBe((null, "what was known"));
        (Is("postgres"), Is(Aside)).ShouldBe(("new", "old"));
        File.Exists(Path.Combine(_home, Aside, "received-log", "segment")).ShouldBeTrue();
        Directory.Exists(Path.Combine(_home, "recovery", "wal")).ShouldBeFalse();
        ClusterSwap.IsPending(_home).ShouldBeFalse();
        ClusterSwap.Outcome(_home).ShouldBe(outcome);
        ClusterSwap.Forget(_home);
        ClusterSwap.Outcome(_home).ShouldBeNull();
        (await ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop)).ShouldBeNull("it was done");
    }

    [Theory]
    [InlineData(0, "killed before anything was renamed")]
    [InlineData(1, "killed between the two renames")]
    [InlineData(2, "killed after them, before it was written down")]
    public async Task Killed_at_any_point_the_next_start_finishes_it(int renames, string when)
    {
        Make("postgres", "old");
        Make(Restored, "new");
        await RequestAsync();
        if (renames > 0)
        {
            Directory.Move(Path.Combine(_home, "postgres"), Path.Combine(_home, Aside));
        }

        if (renames > 1)
        {
            Directory.Move(Restored, Path.Combine(_home, "postgres"));
        }

        (await ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop)).ShouldNotBeNull().Problem.ShouldBeNull(when);
        (Is("postgres"), Is(Aside)).ShouldBe(("new", "old"), when);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task With_the_restored_cluster_gone_the_one_of_before_goes_on(bool wasPutAside)
    {
        Make(wasPutAside ? Aside : "postgres", "old");
        await RequestAsync();
        (await ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop)).ShouldNotBeNull().Problem.ShouldNotBeNull().ShouldContain("no longer there");
        Is("postgres").ShouldBe("old");
        ClusterSwap.IsPending(_home).ShouldBeFalse();
    }

    [Fact]
    public async Task With_nothing_left_of_either_it_does_not_start_on_an_empty_cluster()
    {
        await RequestAsync();
        (await Should.ThrowAsync<EmbeddedPostgresException>(() => ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop))).Message.ShouldContain("Put what is missing back");
        ClusterSwap.IsPending(_home).ShouldBeTrue();
        (await Should.ThrowAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(_home), NullLogger.Instance, TimeProvider.System, Stop)))
            .Message.ShouldContain("Put what is missing back");
        Directory.Exists(Path.Combine(_home, "postgres")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_folder_without_a_cluster_gets_the_restored_one()
    {
        Make(Restored, "new");
        await RequestAsync();
        (await ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop)).ShouldNotBeNull().Problem.ShouldBeNull();
        Is("postgres").ShouldBe("new");
        Directory.Exists(Path.Combine(_home, Aside)).ShouldBeFalse();
    }

    [Fact]
    public async Task A_request_that_cannot_be_read_stops_the_start_and_says_what_to_do()
    {
        Make("postgres", "old");
        await RequestAsync();
        await File.WriteAllTextAsync(Path.Combine(_home, "replace-cluster.json"), "{", Stop);
        (await Should.ThrowAsync<EmbeddedPostgresException>(() => ClusterSwap.FinishAsync(_home, NullLogger.Instance, Stop))).Message.ShouldContain("Remove it to start");
        Is("postgres").ShouldBe("old");
    }

    [Fact]
    public void What_is_to_be_typed_names_the_folder() => ClusterSwap.Confirmation("/srv/control-center/").ShouldBe("replace control-center");

    private Task RequestAsync(string? record = null) => ClusterSwap.RequestAsync(_home, new SwapRequest(null, Restored, Aside, At, At), record, Stop);

    private void Make(string folder, string what)
    {
        var data = Path.Combine(_home, folder, "data");
        Directory.CreateDirectory(data);
        File.WriteAllText(Path.Combine(data, "PG_VERSION"), what);
    }

    private string Is(string folder) => File.ReadAllText(Path.Combine(_home, folder, "data", "PG_VERSION"));
}
