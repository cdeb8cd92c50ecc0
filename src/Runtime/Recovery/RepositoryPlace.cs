using System.Text.RegularExpressions;

namespace ControlCenter.Runtime.Recovery;

/// <summary>Where the repository is, for people.</summary>
/// <param name="Kind">What kind of storage it is.</param>
/// <param name="Address">Where, without a password.</param>
/// <param name="IsLocal">Whether it is a folder of this machine.</param>
public sealed partial record RepositoryPlace(string Kind, string Address, bool IsLocal)
{
    /// <summary>Reads restic's word for it.</summary>
    public static RepositoryPlace Of(string repository)
    {
        var scheme = repository.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon && repository[0] is not ('/' or '.') ? repository[..colon] : "";
        return new RepositoryPlace(
            scheme switch
            {
                "" => "Folder",
                "s3" => "S3",
                "b2" => "Backblaze B2",
                "rest" => "REST server",
                "rclone" => "rclone",
                "sftp" => "SFTP",
                _ => scheme,
            },
            WhoAndPassword().Replace(repository, "$1"), scheme.Length == 0);
    }

    [GeneratedRegex(@"(://)[^/@\s]*@")]
    private static partial Regex WhoAndPassword();
}
