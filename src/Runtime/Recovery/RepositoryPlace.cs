namespace ControlCenter.Runtime.Recovery;

/// <summary>Where the repository is, for people.</summary>
/// <param name="Kind">What kind of storage it is.</param>
/// <param name="Address">Where, without a password.</param>
/// <param name="IsLocal">Whether it is a folder of this machine.</param>
public sealed record RepositoryPlace(string Kind, string Address, bool IsLocal)
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
            WithoutPassword(repository), scheme.Length == 0);
    }

    // rest:https://name:password@host/path has them between the slashes and the last @ before the path.
    private static string WithoutPassword(string repository)
    {
        var host = repository.IndexOf("://", StringComparison.Ordinal) + 3;
        if (host < 3)
        {
            return repository;
        }

        var path = repository.IndexOf('/', host);
        var at = repository.LastIndexOf('@', path < 0 ? repository.Length - 1 : path);
        return at < host ? repository : repository[..host] + repository[(at + 1)..];
    }
}
