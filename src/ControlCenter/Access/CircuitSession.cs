using System.Security.Claims;
using ControlCenter.Runtime.Access;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server.Circuits;

namespace ControlCenter.Access;

/// <summary>A page's session: it ends with the key that it was opened with, and what the page shows and may do ends with it.</summary>
internal sealed class CircuitSession(AuthenticationStateProvider authentication, EndRevokedAccess revoked, CallerDirectory directory) : CircuitHandler
{
    private Guid? _key;
    private IDisposable? _watched;

    public override async Task OnCircuitOpenedAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        if (SessionKey.Of((await authentication.GetAuthenticationStateAsync()).User) is { } key)
        {
            Follow(key);

            // The connection may have stood open since before a revocation.
            if (!await directory.IsInForceAsync(key, cancellationToken))
            {
                End();
            }
        }
    }

    public override Task OnCircuitClosedAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        _watched?.Dispose();
        return Task.CompletedTask;
    }

    /// <summary>Rotates a key. If it is the caller's own, this page goes on by the new one: it is the only place where that is shown.</summary>
    public async Task<RotatedKey> RotateAsync(RotateKey rotate, Guid actor, Domain.Access.Caller caller, CancellationToken cancellationToken)
    {
        if (actor != caller.ActorId)
        {
            return (await rotate.ExecuteAsync(actor, caller, null, cancellationToken)).Value!;
        }

        _watched?.Dispose();
        try
        {
            var rotated = (await rotate.ExecuteAsync(actor, caller, null, cancellationToken)).Value!;
            _key = rotated.KeyId;
            return rotated;
        }
        finally
        {
            if (_key is { } key)
            {
                Follow(key);
            }
        }
    }

    private void Follow(Guid key)
    {
        _key = key;
        _watched = revoked.Watch(key, End);
    }

    // Not on the thread of the one that ends it: what the page then does must not hold up the ending of others.
    private void End() => _ = Task.Run(() => ((IHostEnvironmentAuthenticationStateProvider)authentication).SetAuthenticationState(
        Task.FromResult(new AuthenticationState(new ClaimsPrincipal(new ClaimsIdentity())))));
}

/// <summary>The key behind a session, as its cookie names it.</summary>
internal static class SessionKey
{
    public const string Claim = "cc_key";

    /// <summary>Which key; null for a session that names none.</summary>
    public static Guid? Of(ClaimsPrincipal? user) => Guid.TryParse(user?.FindFirstValue(Claim), out var key) ? key : null;
}
