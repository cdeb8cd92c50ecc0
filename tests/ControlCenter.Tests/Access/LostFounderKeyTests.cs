using System.Net;
using ControlCenter.Access;
using ControlCenter.Hosting;
using ControlCenter.Runtime.EventLog;
using ControlCenter.TestSupport;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Tests.Access;

/// <summary>What a founder meets whose database came back from the repository, and whose key did not.</summary>
public sealed class LostFounderKeyTests : IAsyncLifetime
{
    private readonly string _home = Directory.CreateTempSubdirectory("cc-founder-").FullName;
    private RunningHost _host = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string KeyFile => Path.Combine(_home, "founder.key");

    private string Mark => KeyFile + ".lost";

    public async ValueTask InitializeAsync() => _host = await RunningHost.StartAsync(Stop);

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public async Task The_first_start_revokes_the_lost_key_and_makes_one_that_opens_the_bus_and_the_next_makes_none()
    {
        (await FounderAccess.MarkLostAsync(_home, Stop)).ShouldBeTrue();
        await StartAsync(given: null);
        var key = (await File.ReadAllTextAsync(KeyFile, Stop)).Trim();
        File.GetUnixFileMode(KeyFile).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.Exists(Mark).ShouldBeFalse();
        (await _host.Client(key).GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await IsInForceAsync(RunningHost.FounderKey)).ShouldBeFalse();
        (await _host.SqlAsync<string>("select data->>'why' from events where kind = 'security.key_revoked'", Stop)).ShouldBe("revoked: it was not restored with the database");
        (await _host.SqlAsync<long>("select count(*) from audit_entries where action = 'key.lost'", Stop)).ShouldBe(1);

        File.Delete(KeyFile);
        await StartAsync(given: null);
        File.Exists(KeyFile).ShouldBeFalse("a file that is missing says nothing by itself");
        (await IsInForceAsync(key)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_start_that_died_before_the_key_was_written_down_is_made_good_by_the_next()
    {
        await FounderAccess.MarkLostAsync(_home, Stop);
        await StartAsync(given: null);
        var unwritten = (await File.ReadAllTextAsync(KeyFile, Stop)).Trim();
        File.Delete(KeyFile);
        // As far as it came.
        await File.WriteAllTextAsync(KeyFile + ".new", "", Stop);
        await FounderAccess.MarkLostAsync(_home, Stop);
        await StartAsync(given: null);
        File.Exists(KeyFile + ".new").ShouldBeFalse();
        (await IsInForceAsync(unwritten)).ShouldBeFalse();
        (await IsInForceAsync((await File.ReadAllTextAsync(KeyFile, Stop)).Trim())).ShouldBeTrue();
    }

    [Fact]
    public async Task A_key_that_was_put_back_or_is_given_goes_on()
    {
        await FounderAccess.MarkLostAsync(_home, Stop);
        await StartAsync(RunningHost.FounderKey);
        (File.Exists(Mark), File.Exists(KeyFile)).ShouldBe((false, false));

        await FounderAccess.MarkLostAsync(_home, Stop);
        await File.WriteAllTextAsync(KeyFile, RunningHost.FounderKey, Stop);
        await StartAsync(given: null);
        (File.Exists(Mark), await File.ReadAllTextAsync(KeyFile, Stop)).ShouldBe((false, RunningHost.FounderKey));
        (await IsInForceAsync(RunningHost.FounderKey)).ShouldBeTrue();
        (await FounderAccess.MarkLostAsync(_home, Stop)).ShouldBeFalse("it is there");
    }

    [Fact]
    public async Task A_given_key_that_opens_nothing_leaves_the_lost_one_to_the_next_start()
    {
        await _host.SqlAsync<long>($"with u as (update api_keys set revoked_at = now() where {Hash(RunningHost.FounderKey)} returning 1) select count(*) from u", Stop);
        await FounderAccess.MarkLostAsync(_home, Stop);
        await StartAsync(RunningHost.FounderKey);
        (File.Exists(Mark), File.Exists(KeyFile)).ShouldBe((true, false));

        await StartAsync(given: null);
        File.Exists(Mark).ShouldBeFalse();
        (await IsInForceAsync((await File.ReadAllTextAsync(KeyFile, Stop)).Trim())).ShouldBeTrue();
    }

    private Task StartAsync(string? given) => FounderAccess.EnsureAsync(
        _host.Services, new HostSettings(_home, new Uri("http://127.0.0.1:0"), _host.ConnectionString, "LOC", given, LogLevel.Warning, JsonLog: false, EventRetention.ForEver), Stop);

    private Task<bool> IsInForceAsync(string key) =>
        _host.SqlAsync<bool>($"select coalesce((select revoked_at is null from api_keys where {Hash(key)}), false)", Stop);

    private static string Hash(string key) => $"hash = '\\x{Convert.ToHexString(Runtime.Access.KeyFormat.HashOf(key))}'";
}
