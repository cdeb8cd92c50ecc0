using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>What restic's words mean.</summary>
public sealed class ResticFaultsTests
{
    [Theory]
    [InlineData("stat /srv/repository/config: no such file or directory", RepositoryFault.Missing)]
    [InlineData("<config/> does not exist", RepositoryFault.Missing)]
    [InlineData("Stat: The specified key does not exist.", RepositoryFault.Missing)]
    [InlineData("client.Head: Head \"http://127.0.0.1:9/config\": dial tcp 127.0.0.1:9: connect: connection refused", RepositoryFault.Unreachable)]
    [InlineData("client.Head: Head \"http://127.0.0.1:9/config\": EOF", RepositoryFault.Unreachable)]
    [InlineData("Stat: Access Denied.", RepositoryFault.Unreachable)]
    public void Only_a_plain_no_means_that_there_is_no_repository(string said, RepositoryFault fault) =>
        ResticFaults.Of($"Fatal: unable to open config file: {said}\nIs there a repository at the following location?\nsomewhere\n").ShouldBe(fault);
}
