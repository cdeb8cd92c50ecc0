using ControlCenter.Hosting;
using ControlCenter.Runtime.Access;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace ControlCenter.Access;

/// <summary>Gets the founder in: a key at the first start, and a link for this start's console.</summary>
internal static class FounderAccess
{
    private const string KeyFile = "founder.key";

    // Left by a restore on an empty folder, until the next start has dealt with it. That the file is missing says nothing by itself: a
    // founder may keep the key elsewhere, and of two hosts on one database one has never had it.
    private const string LostMark = "founder.key.lost";

    /// <summary>Takes note that a database was restored into a folder that has no founder's key: the next start makes a new one, unless it finds one by then.</summary>
    /// <returns>Whether there is none.</returns>
    public static async Task<bool> MarkLostAsync(string home, CancellationToken cancellationToken)
    {
        if (File.Exists(Path.Combine(home, KeyFile)))
        {
            return false;
        }

        await File.WriteAllTextAsync(
            Path.Combine(home, LostMark), "A database was restored here without the founder's key. The next start revokes that one and makes another, unless founder.key is here by then or CC_FOUNDER_KEY is set.\n", cancellationToken);
        return true;
    }

    /// <summary>Sees to it that there is a key. One that was made here is shown once and written to a file that only its owner can read.</summary>
    public static async Task EnsureAsync(IServiceProvider services, HostSettings settings, CancellationToken cancellationToken)
    {
        var (path, mark) = (Path.Combine(settings.Home, KeyFile), Path.Combine(settings.Home, LostMark));
        var isLost = File.Exists(mark) && settings.FounderKey is null && !File.Exists(path);
        var (made, givenIsRevoked) = await services.GetRequiredService<FirstStart>().EnsureFounderKeyAsync(settings.FounderKey, isLost, cancellationToken);
        if (givenIsRevoked)
        {
            await Console.Out.WriteLineAsync("\n  CC_FOUNDER_KEY is a key that was revoked or rotated away: it opens nothing. Take it out of the settings, or set a new one.\n");
        }

        if (made is not null)
        {
            await KeepAsync(made, path, isLost, cancellationToken);
        }

        // Last: a host that dies before has written no key down, and the next one makes another. By a key that opens nothing nobody gets in.
        if (!givenIsRevoked)
        {
            File.Delete(mark);
        }
    }

    private static async Task KeepAsync(string made, string path, bool isLost, CancellationToken cancellationToken)
    {
        // Whole or not at all: by a file that a host left empty when it died, the next one would take the key for written down.
        var next = path + ".new";
        File.Delete(next);
        await using (var file = new FileStream(next, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(made + "\n"), cancellationToken);
            file.Flush(flushToDisk: true);
        }

        File.Move(next, path, overwrite: true);

        await Console.Out.WriteLineAsync($"\n  {(isLost ? "The database was restored without its founder's key, which is revoked. The new one" : "Founder key")} (shown once, also in {path}):\n  {made}\n");
    }

    /// <summary>Says where the host listens, and prints a link that signs the founder in once.</summary>
    public static async Task AnnounceAsync(WebApplication app, HostSettings settings, CancellationToken cancellationToken)
    {
        var token = await app.Services.GetRequiredService<SignInLinks>().IssueAsync(cancellationToken);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() ?? settings.Listen.ToString();
        address = address.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("[::]", "127.0.0.1", StringComparison.Ordinal).TrimEnd('/');
        await Console.Out.WriteLineAsync(
            $"Control Center {HostVersion.Current} ({settings.Environment}) listens on {address}\n  Sign in once within 30 minutes: {address}/sign-in/link?token={token}");
    }
}
