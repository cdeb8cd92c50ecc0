using System.Security.Claims;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using Microsoft.AspNetCore.Components.Authorization;

namespace ControlCenter.Access;

/// <summary>Who sits before this page.</summary>
internal sealed class CallerAccessor(AuthenticationStateProvider authentication)
{
    /// <summary>The signed-in caller.</summary>
    public async Task<Caller> CallerAsync() => Of((await authentication.GetAuthenticationStateAsync()).User);

    /// <summary>The caller that a session's claims name.</summary>
    /// <exception cref="DomainException"><c>unauthenticated</c>.</exception>
    public static Caller Of(ClaimsPrincipal user) =>
        Guid.TryParse(user.FindFirstValue(ClaimTypes.NameIdentifier), out var id)
        && RoleOf(user) is { } role
            ? new Caller(id, user.Identity!.Name ?? "", role)
            : throw new DomainException(ProblemTypes.Unauthenticated, "The session is over; sign in again.");

    /// <summary>The role that a session's claims name; null for nobody.</summary>
    public static Role? RoleOf(ClaimsPrincipal user) => WireNames<Role>.TryParse(user.FindFirstValue(ClaimTypes.Role), out var role) ? role : null;
}
