using System.Diagnostics;
using System.Text;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Watching;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>The second copy of the repository's password, and what is said while it is none.</summary>
public sealed class EscrowTests
{
    private const string Cause = "password-escrow";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_copy_that_is_not_there_or_is_another_is_told_of_until_it_opens_the_repository()
    {
        await using var cluster = await StartAsync();
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        var escrow = cluster.Settings.EscrowFile!;
        (await TitleAsync(cluster)).ShouldBe("The second copy of the repository's password is not there.");

        await File.WriteAllTextAsync(escrow, "another password\n", Stop);
        (await TitleAsync(cluster)).ShouldBe("The second copy of the repository's password does not open the repository.");
        await File.WriteAllTextAsync(escrow, "\n", Stop);
        (await TitleAsync(cluster)).ShouldBe("The second copy of the repository's password does not open the repository.", "one that was cut short too");
        File.Delete(escrow);
        Directory.CreateDirectory(escrow);
        (await TitleAsync(cluster)).ShouldBe("The second copy of the repository's password cannot be read.");
        Directory.Delete(escrow);
        (await OpenedAsync(cluster)).ShouldBeFalse();

        File.Copy(cluster.Settings.PasswordFile, escrow);
        (await TitleAsync(cluster)).ShouldBeNull();
        (await OpenedAsync(cluster)).ShouldBeTrue();
        (await cluster.AlertsAsync(Stop)).Where(a => a.EndsWith(Cause, StringComparison.Ordinal)).ShouldBe([$"+{Cause}", $"-{Cause}"]);

        // Once it has opened it, a day is soon enough to look again.
        File.Delete(escrow);
        (await TitleAsync(cluster)).ShouldBeNull();
        await cluster.ExecuteAsync("update recovery_watch set escrow_checked_at = escrow_checked_at - interval '25 hours'", Stop);
        (await TitleAsync(cluster)).ShouldBe("The second copy of the repository's password is not there.");
        (await cluster.ScalarAsync<string>("select detail from recovery_problems where cause = 'password-escrow'", Stop)).ShouldStartWith("It last opened the repository at ");
        (await cluster.ScalarAsync<long>("select count(*) from events where data::text like '%a password of the repository%'", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task A_link_to_the_first_copy_or_into_the_data_folder_is_no_second_one()
    {
        await using var cluster = await StartAsync();
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        var escrow = cluster.Settings.EscrowFile!;
        File.CreateSymbolicLink(escrow, cluster.Settings.PasswordFile);
        (await TitleAsync(cluster)).ShouldBe("The second copy of the repository's password is not there.");
        File.Delete(escrow);
        File.Copy(cluster.Settings.PasswordFile, Path.Combine(cluster.Home, "beside"));
        File.CreateSymbolicLink(escrow, Path.Combine(cluster.Home, "beside"));
        (await TitleAsync(cluster)).ShouldBe("The second copy of the repository's password is not there.");
    }

    [Fact]
    public async Task A_disk_that_does_not_answer_is_asked_once_until_it_does()
    {
        var folder = Directory.CreateTempSubdirectory("cc-escrow-").FullName;
        var (file, password, time) = (Path.Combine(folder, "escrow"), Path.Combine(folder, "password"), new TestClock());
        await File.WriteAllTextAsync(password, "a password", Stop);
        using (var made = Process.Start("mkfifo", [file]))
        {
            await made.WaitForExitAsync(Stop);
        }

        // Nobody writes into it, so whoever opens it waits.
        var settings = new RecoverySettings(Path.Combine(folder, "home", "recovery"), "/nowhere", password) { IsBesideData = false };
        var first = CheckEscrow.ReadAsync(settings, file, time, Stop);
        time.Advance(TimeSpan.FromSeconds(10));
        (await first).Fault.ShouldBe(EscrowFault.Unreadable);
        // No read of its own, or it would wait.
        var second = CheckEscrow.ReadAsync(settings, file, time, Stop);
        second.IsCompleted.ShouldBeTrue();
        (await second).Fault.ShouldBe(EscrowFault.Unreadable);

        await File.WriteAllTextAsync(file, "late", Stop);
        File.Delete(file);
        await File.WriteAllTextAsync(file, "a password", Stop);
        await BackedUpCluster.UntilAsync(async () => (await CheckEscrow.ReadAsync(settings, file, time, Stop)) is (var read, null) && Encoding.UTF8.GetString(read) == "a password", Stop);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_drill_of_the_database_starts_from_the_copy_alone_and_fails_where_that_is_not_the_password()
    {
        await using var cluster = await StartAsync();
        await using var host = new DrillHost(cluster);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        var escrow = cluster.Settings.EscrowFile!;
        File.Copy(cluster.Settings.PasswordFile, escrow);

        var drill = await host.Run.ExecuteAsync(DrillScenario.Database, isSample: true, "the tests", null, Stop);
        drill.Problem.ShouldBeNull();
        drill.Steps.ShouldContain(s => s.Name == "open the repository with the second copy of its password alone" && s.State == DrillStepState.Passed);
        (await OpenedAsync(cluster)).ShouldBeTrue();

        await File.WriteAllTextAsync(escrow, "another password\n", Stop);
        var failed = await host.Run.ExecuteAsync(DrillScenario.Database, isSample: true, "the tests", null, Stop);
        (failed.State, failed.CleanupProven).ShouldBe((DrillState.Failed, true));
        failed.Problem.ShouldNotBeNull().ShouldContain("(CC_BACKUP_ESCROW_FILE), does not open the repository.");
    }

    private static Task<BackedUpCluster> StartAsync() => BackedUpCluster.StartAsync(Stop, s => s with { EscrowFile = s.PasswordFile + ".escrow" });

    private static async Task<string?> TitleAsync(BackedUpCluster cluster) =>
        (await cluster.Look.ExecuteAsync(await cluster.Look.AskRepositoryAsync(Stop), Stop)).SingleOrDefault(p => p.Cause == Cause)?.Title;

    private static Task<bool> OpenedAsync(BackedUpCluster cluster) => cluster.ScalarAsync<bool>("select escrow_opened_at is not null from recovery_watch", Stop);
}
