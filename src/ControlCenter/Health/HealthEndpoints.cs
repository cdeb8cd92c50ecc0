using System.Text.Json;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Health;

namespace ControlCenter.Health;

/// <summary>Whether the process lives, whether it may be sent work, and how everything is (bus-api.md, Host; HL-04).</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapGet("/health/live", () => Results.Text("live\n"));
        app.MapGet("/health/ready", (Readiness readiness, HealthRegistry registry, IHostApplicationLifetime lifetime) =>
            readiness.Started && !lifetime.ApplicationStopping.IsCancellationRequested && registry.Overall() != HealthStatus.Failed
                ? Results.Text("ready\n")
                : Results.Text("not ready\n", statusCode: StatusCodes.Status503ServiceUnavailable));
        app.MapGet("/health", (HttpContext http, HealthRegistry registry, Admission admission, HostSettings settings) =>
        {
            var overall = registry.Overall();
            var report = new HealthReport(overall, HostVersion.Current, settings.Environment, admission.Level, registry.Services());
            return Results.Text(
                JsonSerializer.Serialize(report, WireJson.Options), "application/json",
                statusCode: overall == HealthStatus.Failed ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);
        }).Produces<HealthReport>();
        app.MapGet("/metrics", (MetricsPage page) => Results.Text(page.Render(), "text/plain; version=0.0.4; charset=utf-8"));
    }
}

/// <summary>The host's health; nothing secret in it.</summary>
internal sealed record HealthReport(
    HealthStatus Status, string Version, string Environment, Domain.Governance.AdmissionLevel Admission, IReadOnlyList<ServiceHealth> Services);
