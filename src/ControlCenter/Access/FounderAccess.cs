using ControlCenter.Hosting;
using ControlCenter.Runtime.Access;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace ControlCenter.Access;

/// <summary>Gets the founder in: a key at the first start, and a link for this start's console.</summary>
internal static class FounderAccess
{
    private const string KeyFile = "founder.key";

    /// <summary>Sees to it that there is a key. One that was made here is shown once and written to a file that only its owner can read.</summary>
    public static async Task EnsureAsync(IServiceProvider services, HostSettings settings, CancellationToken cancellationToken)
    {
        var (made, givenIsRevoked) = await services.GetRequiredService<FirstStart>().EnsureFounderKeyAsync(settings.FounderKey, cancellationToken);
        if (givenIsRevoked)
        {
            await Console.Out.WriteLineAsync("\n  CC_FOUNDER_KEY is a key that was revoked or rotated away: it opens nothing. Take it out of the settings, or set a new one.\n");
        }

        if (made is null)
        {
            return;
        }

        var path = Path.Combine(settings.Home, KeyFile);
        await using (var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(made + "\n"), cancellationToken);
        }

        await Console.Out.WriteLineAsync($"\n  Founder key (shown once, also in {path}):\n  {made}\n");
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
