using ControlCenter.Hosting;
using ControlCenter.Runtime.Recovery;

namespace ControlCenter.Tests.Hosting;

public sealed class HostSettingsTests
{
    [Theory]
    [InlineData(null, null)]
    [InlineData(" ", null)]
    [InlineData("7", 7)]
    [InlineData("365", 365)]
    public void Events_are_kept_for_ever_unless_a_number_of_days_is_said(string? said, int? days) =>
        HostSettings.Read(name => name == "CC_EVENT_RETENTION_DAYS" ? said : null).EventRetention.Days.ShouldBe(days);

    [Theory]
    [InlineData("6")]
    [InlineData("0")]
    [InlineData("-30")]
    [InlineData("90d")]
    [InlineData("36501")]
    public void A_retention_that_cannot_be_meant_stops_the_start_and_says_what_was_expected(string said) =>
        Should.Throw<SettingException>(() => HostSettings.Read(name => name == "CC_EVENT_RETENTION_DAYS" ? said : null))
            .Message.ShouldBe($"CC_EVENT_RETENTION_DAYS is '{said}'; expected a whole number from 7 to 36500, or nothing to keep events for ever.");

    [Theory]
    [InlineData("CC_BACKUP_ESCROW_FILE", "/mnt/stick/password")]
    [InlineData("CC_RECOVERY_HOOK", "/bin/true")]
    public void What_belongs_to_a_repository_is_refused_without_one(string name, string value) =>
        Should.Throw<SettingException>(() => HostSettings.Read(n => n == name ? value : null)).Message.ShouldBe($"{name} is '{value}'; expected nothing, or CC_BACKUP_REPOSITORY with it.");

    [Fact]
    public void A_second_copy_of_the_password_is_another_file_elsewhere_and_need_not_be_mounted_and_a_hook_is_a_program()
    {
        var folder = Directory.CreateTempSubdirectory("cc-settings-").FullName;
        try
        {
            var (home, password) = (Path.Combine(folder, "home"), Path.Combine(folder, "password"));
            File.WriteAllText(password, "x");
            RecoverySettings? Of(string? escrow, string? hook = null) => HostSettings.RecoveryOf(home, Path.Combine(folder, "repository"), password, null, escrow, hook);

            Of("/mnt/stick/password", "/bin/true").ShouldNotBeNull().ShouldSatisfyAllConditions(s => s.EscrowFile.ShouldBe("/mnt/stick/password"), s => s.Hook.Program.ShouldBe("/bin/true"));
            Of(null).ShouldNotBeNull().ShouldSatisfyAllConditions(s => s.EscrowFile.ShouldBeNull(), s => s.Hook.Program.ShouldBeNull());
            Should.Throw<SettingException>(() => Of(password)).Message.ShouldContain("another file than CC_BACKUP_PASSWORD_FILE");
            Should.Throw<SettingException>(() => Of(Path.Combine(home, "copy"))).Message.ShouldContain("a file outside of CC_HOME");
            Should.Throw<SettingException>(() => Of(null, password)).Message.ShouldBe($"CC_RECOVERY_HOOK is '{password}'; expected a program that is there and may be run.");
            Should.Throw<SettingException>(() => Of(null, Path.Combine(folder, "gone"))).Message.ShouldStartWith("CC_RECOVERY_HOOK is");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
