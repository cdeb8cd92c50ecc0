using ControlCenter.Hosting;
using ControlCenter.Runtime.Models;
using ControlCenter.Runtime.Storage.Embedded;

try
{
    return await ControlCenterHost.RunAsync(HostSettings.Read(Environment.GetEnvironmentVariable), CancellationToken.None);
}
catch (Exception fault) when (fault is SettingException or EmbeddedPostgresException or CatalogueFileException)
{
    await Console.Error.WriteLineAsync($"Control Center did not start. {fault.Message}");
    return 78; // EX_CONFIG (sysexits.h)
}
