using ControlCenter.CommandLine;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Models;
using ControlCenter.Runtime.Storage.Embedded;

try
{
    return args.Length == 0
        ? await ControlCenterHost.RunAsync(HostSettings.Read(Environment.GetEnvironmentVariable), CancellationToken.None)
        : await Devxio.RunAsync(args, Console.Out, Console.Error);
}
catch (Exception fault) when (fault is SettingException or EmbeddedPostgresException or CatalogueFileException)
{
    await Console.Error.WriteLineAsync($"Control Center did not start. {fault.Message}");
    return ExitCode.Configuration;
}
