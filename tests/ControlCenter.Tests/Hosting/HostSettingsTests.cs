using ControlCenter.Hosting;

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
}
