using System.Security.Claims;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Hosting;
using ControlCenter.Runtime;
using ControlCenter.Runtime.Access;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Server.Circuits;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace ControlCenter.Access;

/// <summary>How a human gets into the dashboard: by key or by a link that works once; kept in a cookie that scripts cannot read.</summary>
internal static class SignIn
{
    public const string Scheme = "cc";
    private static readonly TimeSpan SessionLength = TimeSpan.FromHours(12);

    public static IServiceCollection AddSignIn(this IServiceCollection services, HostSettings settings)
    {
        // Sessions outlive a restart of the host: their keys are kept with its data.
        services.AddDataProtection()
            .PersistKeysToFileSystem(Directory.CreateDirectory(Path.Combine(settings.Home, "session-keys"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute))
            .SetApplicationName("control-center");
        var secure = settings.Listen.Scheme == "https" ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
        services.AddAuthentication(Scheme).AddCookie(Scheme, options =>
        {
            options.LoginPath = "/sign-in";
            options.AccessDeniedPath = "/sign-in";
            options.ReturnUrlParameter = "return";
            options.ExpireTimeSpan = SessionLength;
            options.SlidingExpiration = true;
            options.Cookie.Name = "cc_session";
            options.Cookie.HttpOnly = true;
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.Cookie.SecurePolicy = secure;
            options.Events.OnValidatePrincipal = EndWithItsKeyAsync;
        });
        services.AddAuthorization();
        services.AddAntiforgery(options =>
        {
            options.Cookie.Name = "cc_antiforgery";
            options.Cookie.HttpOnly = true;
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.Cookie.SecurePolicy = secure;
        });
        services.AddCascadingAuthenticationState();
        services.AddScoped<CallerAccessor>();
        services.AddSingleton<RefusedAttempts>();
        services.AddService<EndRevokedAccess>();
        services.AddScoped<CircuitSession>();
        services.AddScoped<CircuitHandler>(provider => provider.GetRequiredService<CircuitSession>());
        return services;
    }

    public static void MapSignIn(this WebApplication app)
    {
        app.MapPost("/sign-in", SignInWithKeyAsync).DisableAntiforgery().ExcludeFromDescription();
        app.MapGet("/sign-in/link", SignInWithLinkAsync).ExcludeFromDescription();
        app.MapPost("/sign-out", async (HttpContext http, IAntiforgery antiforgery) =>
        {
            await antiforgery.ValidateRequestAsync(http);
            await http.SignOutAsync(Scheme);
            return Results.LocalRedirect("/sign-in");
        }).DisableAntiforgery().ExcludeFromDescription();
    }

    private static async Task<IResult> SignInWithKeyAsync(
        HttpContext http, CallerDirectory directory, AuditTrail audit, IAntiforgery antiforgery, [FromForm] string? key, [FromForm(Name = "return")] string? returnTo)
    {
        if (!await antiforgery.IsRequestValidAsync(http))
        {
            return Results.LocalRedirect("/sign-in?problem=stale");
        }

        var holder = key is { Length: > 0 and <= 512 } ? await directory.FindAsync(key.Trim(), http.RequestAborted) : null;
        if (holder is null || holder.Caller.Role == Role.AgentRuntime)
        {
            await audit.RecordAsync(Caller.Host, "sign_in.refused", null, new { Address = http.Connection.RemoteIpAddress?.ToString(), Why = holder is null ? "unknown key" : "an agent's key" }, http.RequestAborted);
            return Results.LocalRedirect(holder is null ? "/sign-in?problem=key" : "/sign-in?problem=agent");
        }

        await BeginSessionAsync(http, holder, audit, "key");
        return Results.LocalRedirect(IsLocal(returnTo) ? returnTo! : "/");
    }

    private static async Task<IResult> SignInWithLinkAsync(HttpContext http, SignInLinks links, AuditTrail audit, string? token)
    {
        var holder = token is { Length: > 0 and <= 200 } ? await links.RedeemAsync(token, http.RequestAborted) : null;
        if (holder is null)
        {
            await audit.RecordAsync(Caller.Host, "sign_in.refused", null, new { Address = http.Connection.RemoteIpAddress?.ToString(), Why = "unknown or used link" }, http.RequestAborted);
            return Results.LocalRedirect("/sign-in?problem=link");
        }

        await BeginSessionAsync(http, holder, audit, "link");

        // Strict cookies are not sent on a navigation that another site began; a page of our own that moves on sends them.
        return Results.LocalRedirect("/");
    }

    private static async Task BeginSessionAsync(HttpContext http, KeyHolder holder, AuditTrail audit, string by)
    {
        var caller = holder.Caller;
        var identity = new ClaimsIdentity(
            [
                new Claim(ClaimTypes.NameIdentifier, caller.ActorId.ToString()),
                new Claim(ClaimTypes.Name, caller.Name),
                new Claim(ClaimTypes.Role, WireNames<Role>.ToWire(caller.Role)),
                new Claim(SessionKey.Claim, holder.KeyId.ToString()),
            ],
            Scheme);
        await http.SignInAsync(Scheme, new ClaimsPrincipal(identity), new AuthenticationProperties { IsPersistent = true });
        await audit.RecordAsync(caller, "sign_in.succeeded", null, new { By = by, Address = http.Connection.RemoteIpAddress?.ToString() }, http.RequestAborted);
    }

    /// <summary>A session is worth no more than the key that began it.</summary>
    private static async Task EndWithItsKeyAsync(CookieValidatePrincipalContext context)
    {
        var directory = context.HttpContext.RequestServices.GetRequiredService<CallerDirectory>();
        try
        {
            if (SessionKey.Of(context.Principal) is { } key && await directory.IsInForceAsync(key, context.HttpContext.RequestAborted))
            {
                return;
            }

            await context.HttpContext.SignOutAsync(Scheme);
        }
        catch (NpgsqlException)
        {
            // The database is away, and nobody can tell: not signed in for this request, and the cookie stays.
        }

        context.RejectPrincipal();
    }

    private static bool IsLocal(string? path) => path is ['/', ..] && !path.StartsWith("//", StringComparison.Ordinal) && !path.StartsWith("/\\", StringComparison.Ordinal);
}
