using ControlCenter.Bus;
using ControlCenter.Runtime.Governance;

namespace ControlCenter.Governance;

/// <summary>What the host admits (bus-api.md, Host).</summary>
internal static class AdmissionEndpoints
{
    public static void MapGovernance(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<ChangeAdmission, AdmissionStanding>(
            "/admission", "admission", async (admission, http) => await admission.CurrentAsync(http.RequestAborted));
        routes.MapChange<ChangeAdmission, ChangeAdmissionRequest, AdmissionStanding>(
            "PUT", "/admission", (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Aborted));
    }
}
