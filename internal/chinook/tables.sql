-- The tables of the Chinook sample database: same names, columns, types and order of columns.

create table genre (
    genre_id int primary key,
    name     varchar(120)
);

create table media_type (
    media_type_id int primary key,
    name          varchar(120)
);

create table artist (
    artist_id int primary key,
    name      varchar(120)
);

create table album (
    album_id  int primary key,
    title     varchar(160) not null,
    artist_id int not null
);

create table track (
    track_id      int primary key,
    name          varchar(200) not null,
    album_id      int,
    media_type_id int not null,
    genre_id      int,
    composer      varchar(220),
    milliseconds  int not null,
    bytes         int,
    unit_price    numeric(10, 2) not null
);

create table employee (
    employee_id int primary key,
    last_name   varchar(20) not null,
    first_name  varchar(20) not null,
    title       varchar(30),
    reports_to  int,
    birth_date  timestamp,
    hire_date   timestamp,
    address     varchar(70),
    city        varchar(40),
    state       varchar(40),
    country     varchar(40),
    postal_code varchar(10),
    phone       varchar(24),
    fax         varchar(24),
    email       varchar(60)
);

create table customer (
    customer_id    int primary key,
    first_name     varchar(40) not null,
    last_name      varchar(20) not null,
    company        varchar(80),
    address        varchar(70),
    city           varchar(40),
    state          varchar(40),
    country        varchar(40),
    postal_code    varchar(10),
    phone          varchar(24),
    fax            varchar(24),
    email          varchar(60) not null,
    support_rep_id int
);

create table invoice (
    invoice_id          int primary key,
    customer_id         int not null,
    invoice_date        timestamp not null,
    billing_address     varchar(70),
    billing_city        varchar(40),
    billing_state       varchar(40),
    billing_country     varchar(40),
    billing_postal_code varchar(10),
    total               numeric(10, 2) not null
);

create table invoice_line (
    invoice_line_id int primary key,
    invoice_id      int not null,
    track_id        int not null,
    unit_price      numeric(10, 2) not null,
    quantity        int not null
);

create table playlist (
    playlist_id int primary key,
    name        varchar(120)
);

create table playlist_track (
    playlist_id int,
    track_id    int,
    primary key (playlist_id, track_id)
);
